#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Opens reports in headless Chromium and uses them as a reader would.

Usage: browser_test.py MOEPLAN HTML_PAGE [unittest arguments]
Exits with 77 where Chromium, its driver or selenium is not installed.
"""
import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    print("skipped: python3-selenium is not installed")
    sys.exit(77)

MOEPLAN = PAGE_MAKER = ""
EVIL = "<script>alert(1)</script>"
SECONDS = 15  # the most anything may take; what is slower is no use
GEMM_ROWS = "".join(
    f"h200,vllm-0.24.0,cublas,bfloat16,{m},{n},{k},{m * n * k / 4e8 + 6:.3f}\n"
    for n, k in [(4096, 7168), (7168, 2048), (2112, 7168), (24576, 1536)]
    for m in [1, 16, 64, 256, 1024, 4096]
)

COMMANDS = {
    "fit": "fit mixtral-8x7b --weights q4_k_m --context 8k --hardware rtx-4090 --host-memory 64GiB",
    "simulate": "simulate deepseek-v3 --hardware h200 --gpus 8 --attention-dp 8 --ep 8 --batch 256 --context 4k",
    "sweep": "sweep ep-width",
    "sweep_rows": "sweep --model mixtral-8x7b --hardware h200 --axis batch=1:400 --axis context=1:250",
    "experts": "sweep expert-count --hardware laptop-16gb",
    "curve": "simulate gpt-oss-120b --hardware h200 --isl 1k --osl 1k --concurrency 1,4,16,64",
    "validate": "validate --against gemm.csv --in-sample",
}


def start_chromium(folder):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--hide-scrollbars", "--window-size=1200,900", f"--user-data-dir={folder}/profile"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


class BrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        (cls.folder / "gemm.csv").write_text("gpu,stack,kernel,dtype,m,n,k,latency_us\n" + GEMM_ROWS)
        for name, command in COMMANDS.items():
            words = command.split() + ["--format", "html", "--output", f"{name}.html", "--quiet"]
            result = subprocess.run([MOEPLAN] + words, cwd=cls.folder, capture_output=True, text=True)
            assert result.returncode in (0, 1), result.stderr
        for name in ["hostile", "big"]:
            with open(cls.folder / f"{name}.html", "wb") as out:
                subprocess.run([PAGE_MAKER, name], stdout=out, check=True)
        cls.browser = start_chromium(cls.folder)
        cls.downloads = cls.folder / "downloads"
        cls.downloads.mkdir()
        cls.browser.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(cls.downloads)})

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def setUp(self):
        self.emulate("screen", "light")

    # ---- how a reader gets about ----

    def emulate(self, media, scheme):
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def open(self, name):
        self.browser.get_log("browser"), self.browser.get_log("performance")
        self.browser.get((self.folder / f"{name}.html").as_uri())
        return self.browser

    def script(self, text, *arguments):
        return self.browser.execute_script(text, *arguments)

    def wait(self, condition, what):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.05)
        self.fail(f"not within {SECONDS} s: {what}")

    def all(self, css):
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def header(self, title):
        return next(b for b in self.all(".data thead button") if b.text.startswith(title))

    def column(self, index):
        return self.script(
            "return Array.from(document.querySelectorAll('.data tbody tr'), r => r.cells[arguments[0]].textContent)",
            index)

    def type(self, element, words):
        element.clear()
        element.send_keys(words)

    def count_text(self):
        return self.one(".data .count").text

    def page_data(self):
        return json.loads(self.script("return document.getElementById('page-data').textContent"))

    def download(self, label, css=".data"):
        for old in self.downloads.iterdir():
            old.unlink()
        button = next(b for b in self.all(f"{css} button") if self.script("return arguments[0].textContent", b) == label)
        self.script("arguments[0].click()", button)
        done = lambda: [f for f in self.downloads.iterdir() if not f.name.endswith(".crdownload")]
        file = self.wait(done, label)[0]
        return file.name, file.read_bytes().decode()

    # Colours of a canvas and how many pixels have each.
    def colors(self, canvas):
        return self.script("""
            const c = arguments[0], d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, seen = {};
            for (let i = 0; i < d.length; i += 4)
              if (d[i + 3] > 200) { const k = [d[i], d[i + 1], d[i + 2]].join(); seen[k] = (seen[k] || 0) + 1; }
            return seen;""", canvas)

    def assert_quiet(self, name):
        self.assertEqual(self.browser.get_log("browser"), [], name)
        requests = []
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                requests.append(message["params"]["request"]["url"])
        own = (self.folder / f"{name}.html").as_uri()
        self.assertEqual([url for url in requests if url != own], [], name)

    # ---- claims ----

    def test_every_page_opens_without_a_console_message_or_a_request(self):
        for name in list(COMMANDS) + ["hostile", "big"]:
            self.open(name)
            self.assertTrue(self.all("h1"), name)
            self.assert_quiet(name)

    def test_every_chart_is_drawn_in_several_colours(self):
        for name, charts in [("fit", 1), ("simulate", 2), ("curve", 1), ("sweep", 2), ("sweep_rows", 4), ("experts", 9), ("validate", 2), ("hostile", 1), ("big", 1)]:
            self.open(name)
            canvases = self.all("canvas")
            self.assertEqual(len(canvases), charts, name)
            for canvas in canvases:
                colors = self.colors(canvas)
                self.assertGreater(len(colors), 3, name)
                # Okabe and Ito's blue, the first series everywhere.
                self.assertGreater(colors.get("0,114,178", 0), 20, name)

    def test_every_chart_has_a_text_and_a_table(self):
        for name in COMMANDS:
            self.open(name)
            for figure in self.all("figure.chart"):
                label = figure.find_element(By.TAG_NAME, "canvas").get_attribute("aria-label")
                self.assertGreater(len(label), 20, name)
                self.assertTrue(figure.find_elements(By.CSS_SELECTOR, "details.twin tbody tr"), name)

    def test_a_tooltip_says_what_lies_under_the_pointer(self):
        self.open("fit")
        canvas = self.one("canvas")
        self.script("arguments[0].scrollIntoView({block: 'center'})", canvas)
        before = self.colors(canvas)
        ActionChains(self.browser).move_to_element_with_offset(canvas, -100, -30).perform()
        read = """const t = Chart.getChart(arguments[0]).tooltip;
                  return t && t.opacity ? [t.title, ...t.body.map(b => b.lines), t.footer].flat() : null"""
        lines = self.wait(lambda: self.script(read, canvas), "a tooltip")
        series = self.page_data()["charts"][0]["series"][0]
        self.assertEqual(lines[0], "gpu0")
        self.assertIn(f"{series['name']}: {series['y'][0] / 2**30:.2f} GiB", lines)
        self.assertTrue(lines[-1].startswith("budget: 23.14 GiB"), lines)
        self.assertNotEqual(before, self.colors(canvas))

    def test_columns_sort_up_down_and_back_by_mouse_and_keyboard(self):
        self.open("big")
        start = self.column(0)
        self.header("time").click()
        self.assertEqual(self.header("time").find_element(By.XPATH, "..").get_attribute("aria-sort"), "ascending")
        # The least is of batch 1: point 0 with fractional part 0 takes 1 ms.
        self.assertEqual(self.column(0)[0], "0")
        self.assertTrue(self.column(2)[0].startswith("1 "), self.column(2)[0])
        self.header("time").send_keys(Keys.ENTER)
        self.assertEqual(self.header("time").find_element(By.XPATH, "..").get_attribute("aria-sort"), "descending")
        self.assertNotIn("", self.column(2))  # empty cells come last
        self.header("time").click()
        self.assertEqual(self.column(0), start)

    def test_filters_of_numbers_and_texts_narrow_the_rows(self):
        self.open("big")
        box = self.one("input[aria-label='filter point']")
        self.type(box, "10..19")
        self.wait(lambda: self.count_text() == "10 of 100,000 rows", "ten rows")
        hardware = self.one("input[aria-label='filter hardware']")
        self.type(hardware, "=gb200")
        # Of 10 to 19 these leave a rest of 1: 10, 13, 16, 19.
        self.wait(lambda: self.column(0) == ["10", "13", "16", "19"], "points of gb200")
        self.type(hardware, "4090")
        self.wait(lambda: self.column(0) == ["11", "14", "17"], "points of rtx-4090")
        self.type(box, "ten")
        self.wait(lambda: box.get_attribute("aria-invalid") == "true", "a filter that makes no sense")
        self.wait(lambda: self.count_text() == "33,333 of 100,000 rows", "the other filter alone")

    def test_downloads_are_the_data_of_the_page(self):
        self.open("big")
        columns = self.page_data()["tables"][0]["columns"]
        raw = lambda c, row: c["words"][c["values"][row]] if "words" in c else c["values"][row]
        self.type(self.one("input[aria-label='filter point']"), "<2000")
        self.wait(lambda: self.count_text() == "2,000 of 100,000 rows", "the first rows")
        name, text = self.download("Download CSV")
        self.assertEqual(name, "points.csv")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        self.assertEqual(rows[0], [c["key"] for c in columns])
        self.assertEqual(len(rows), 2001)
        for at in [0, 1, 999, 1999]:
            for cell, c in zip(rows[1 + at], columns):
                value = raw(c, at)
                self.assertEqual(cell if "words" in c or cell == "" else float(cell), "" if value is None else value)
        name, text = self.download("Download JSON")
        self.assertEqual(json.loads(text), [{c["key"]: raw(c, row) for c in columns} for row in range(2000)])

    def test_a_chart_gives_its_numbers_away(self):
        self.open("fit")
        name, text = self.download("Download CSV", "figure.chart")
        self.assertEqual(name, "memory-of-each-device-against-its-budget.csv")
        rows = list(csv.DictReader(io.StringIO(text)))
        series = self.page_data()["charts"][0]["series"]
        self.assertEqual([(r["series"], float(r["memory"])) for r in rows], [(s["name"], s["y"][0]) for s in series])

    def test_a_model_called_script_stays_text(self):
        self.open("hostile")
        self.assertEqual(self.browser.title, f"moeplan test: {EVIL}")
        self.assertEqual(self.one("h1").text, EVIL)
        self.assertEqual(self.one(".banner").text, EVIL)
        self.assertEqual(len(self.all("script")), 3)
        self.assertEqual(self.script("return Chart.getChart(document.querySelector('canvas')).data.datasets[0].label"),
                         EVIL)
        self.assertEqual(self.column(0)[0], EVIL)
        self.assertIn(EVIL, self.one("figure.heat").text)
        self.assert_quiet("hostile")

    def test_texts_that_a_spreadsheet_would_run_are_defused_in_csv_and_whole_in_json(self):
        self.open("hostile")
        words = self.page_data()["tables"][0]["columns"][0]["words"]
        name, text = self.download("Download CSV")
        self.assertEqual(name, "etc-passwd.csv")
        cells = [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:]
        self.assertEqual(cells, [EVIL, "'=1+1", "'@cmd", "-3.5", 'a"b,c\nd', "\u2028line", "back\\slash"])
        _, text = self.download("Download JSON")
        self.assertEqual([row["name"] for row in json.loads(text)], words)

    def test_a_policy_stops_what_would_run_all_the_same(self):
        self.open("hostile")
        self.script("""const s = document.createElement('script'); s.textContent = 'window.ran = 1';
                       document.body.append(s);""")
        self.assertIsNone(self.script("return window.ran || null"))

    def test_100000_rows_stay_usable(self):
        start = time.monotonic()
        self.open("big")
        self.wait(lambda: self.count_text() == "100,000 rows", "the table")
        self.header("time").click()
        self.type(self.one(".data input[type=search]"), "h200")
        self.wait(lambda: self.count_text() == "33,334 of 100,000 rows", "the filtered rows")
        self.assertLess(self.script("return document.getElementsByTagName('*').length"), 3000)
        drawn = self.script("return Chart.getChart(document.querySelector('canvas')).data.datasets[0].data.length")
        self.assertLessEqual(drawn, 401 * 241)
        self.assertLess(time.monotonic() - start, 2 * SECONDS)

    def test_both_schemes_follow_the_system_and_the_button(self):
        background = "return getComputedStyle(document.body).backgroundColor"
        self.emulate("screen", "dark")
        self.open("fit")
        dark = self.script(background)
        legend = "return Chart.getChart(document.querySelector('canvas')).options.plugins.legend.labels.color"
        dark_legend = self.script(legend)
        self.emulate("screen", "light")
        self.wait(lambda: self.script(background) != dark, "a light page")
        self.wait(lambda: self.script(legend) != dark_legend, "a light chart")
        self.one("#theme").click()
        self.assertEqual(self.script(background), dark)
        self.assertEqual(self.script(legend), dark_legend)

    def test_print_is_light_and_open_and_without_controls(self):
        self.emulate("screen", "dark")
        self.open("fit")
        self.emulate("print", "dark")
        self.wait(lambda: self.script("return document.querySelector('.twin table').offsetHeight"), "an open table")
        self.assertEqual(self.script("return getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        self.assertFalse(self.one("#theme").is_displayed())
        self.assertFalse(self.one(".data input[type=search]").is_displayed())
        self.assertTrue(self.one("canvas").is_displayed())

    def test_a_narrow_window_scrolls_tables_and_not_the_page(self):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": False})
        try:
            for name in list(COMMANDS) + ["hostile", "big"]:
                self.open(name)
                fits = "const e = document.documentElement; return e.scrollWidth <= e.clientWidth"
                self.wait(lambda: self.script(fits), f"{name} within 360 pixels")
        finally:
            self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


if __name__ == "__main__":
    MOEPLAN, PAGE_MAKER = (os.path.abspath(path) for path in sys.argv[1:3])
    for program, package in [("chromium", "chromium"), ("chromedriver", "chromium-driver")]:
        if shutil.which(program) is None:
            print(f"skipped: {package} is not installed")
            sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
