// SPDX-License-Identifier: Apache-2.0
#include "reports/html.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "reports/html_data.h"
#include "reports/html_text.h"
#include "reports/page_assets.h"

namespace moeplan {
namespace {

constexpr const char* kEvil = "<script>alert(1)</script>";

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Every block with the same hostile text wherever a user's text may stand.
Document hostile() {
  Document document;
  document.title = kEvil;
  document.add(Banner{{std::string(kEvil)}, Tone::Bad});
  document.add(Heading{kEvil});
  document.add(KeyValues{{{kEvil, {std::string(kEvil)}, Tone::Plain, kEvil}}});
  document.add(Note{kEvil});
  document.add(ItemList{kEvil, {{std::string(kEvil)}}});
  document.add(Table{kEvil, {{kEvil, kEvil, true, 0}}, {{{{std::string(kEvil)}}, Tone::Plain}}});
  Chart chart;
  chart.title = chart.alt = chart.x.title = chart.y.title = chart.y.unit.name = kEvil;
  chart.series = {{kEvil, {{.x = 1, .y = 2, .label = kEvil}}}};
  chart.references = {{kEvil, 3, std::nullopt}};
  document.add(chart);
  HeatMap map{.title = kEvil, .alt = kEvil, .row_axis = kEvil, .column_axis = kEvil, .rows = {kEvil}};
  map.columns = {kEvil};
  map.values = {kNoValue};
  map.notes = {kEvil};
  map.value = kEvil;
  document.add(map);
  document.add(DataTable{
      .title = kEvil, .name = kEvil, .columns = {{.key = kEvil, .title = kEvil, .is_text = true, .texts = {kEvil}}}});
  document.add(Command{kEvil});
  return document;
}

TEST(Html, AModelCalledScriptStaysTextInEveryBlock) {
  const std::string page = render_html(hostile(), {.unit = {}, .verb = kEvil, .command = kEvil, .version = kEvil});
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find("alert(1)</script"), std::string::npos);
  // Ours: the data, Chart.js and the page's own.
  EXPECT_EQ(count_of(page, "<script"), 3U);
  EXPECT_EQ(count_of(page, "</script>"), 3U);
}

TEST(Html, EscapesWhatEndsAnAttributeAndWhatIsNotText) {
  EXPECT_EQ(escape_html("a<b>&\"c'"), "a&lt;b&gt;&amp;&quot;c&#39;");
  EXPECT_EQ(escape_html(std::string("\x1b[31m\xff", 6)), "\\x1B[31m\\xFF");
}

TEST(Html, EmbeddedJsonHasNothingThatEndsAScriptAndParsesToTheSame) {
  const std::string json = "{\"a\": \"</script><!-- & \xE2\x80\xA8 \xE2\x80\xA9 \xE2\x80\x9C\"}";
  const std::string embedded = embed_json(json);
  EXPECT_EQ(embedded, "{\"a\": \"\\u003c/script\\u003e\\u003c!-- \\u0026 \\u2028 \\u2029 \xE2\x80\x9C\"}");
  EXPECT_EQ(nlohmann::json::parse(embedded), nlohmann::json::parse(json));
}

TEST(Html, NamesOfFilesAreHarmless) {
  EXPECT_EQ(slug_of("../../Memory of gpu0 <x>"), "memory-of-gpu0-x");
  EXPECT_EQ(slug_of("\"'/"), "data");
  EXPECT_EQ(slug_of(std::string(500, 'a')).size(), 60U);
}

TEST(Html, TheSameDocumentGivesTheSameBytes) { EXPECT_EQ(render_html(hostile(), {}), render_html(hostile(), {})); }

TEST(Html, LetsOnlyItsOwnScriptsAndStyleThrough) {
  const std::string page = render_html(hostile(), {});
  const PageAssets assets = page_assets();
  EXPECT_NE(page.find("default-src 'none'; script-src 'sha256-" + std::string(assets.library.sha256) + "' 'sha256-" +
                      std::string(assets.script.sha256) + "'; style-src 'sha256-" + std::string(assets.style.sha256)),
            std::string::npos);
  EXPECT_EQ(page.find("unsafe"), page.find("unsafe-"));  // the word stands nowhere in the policy
  EXPECT_EQ(page.find(" style="), std::string::npos);
  for (const char* outside : {"src=\"", "href=\"", "@import", "url(", "sourceMappingURL"})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
}

TEST(Html, APageWithoutChartsCarriesNoLibrary) {
  Document document;
  document.add(Note{"short"});
  EXPECT_LT(render_html(document, {}).size(), 64'000U);
}

TEST(HtmlData, NumbersKeepEveryDigitAndNothingIsNull) {
  Document document;
  document.add(DataTable{.title = "t",
                         .name = "t",
                         .columns = {{.key = "x_s", .title = "x", .unit = {"ms", 1e3}, .numbers = {0.1, kNoValue}},
                                     {.key = "w", .title = "w", .is_text = true, .texts = {"ok", "ok"}}}});
  const nlohmann::json page = nlohmann::json::parse(json_of_page(document, {}));
  const nlohmann::json& columns = page["tables"][0]["columns"];
  EXPECT_EQ(columns[0]["values"], nlohmann::json::parse("[0.1, null]"));
  EXPECT_EQ(columns[0]["scale"], 1000.0);
  EXPECT_EQ(columns[1]["words"], nlohmann::json::parse("[\"ok\"]"));
  EXPECT_EQ(columns[1]["values"], nlohmann::json::parse("[0, 0]"));
}

TEST(HtmlData, BytesAreShownInTheUnitOfTheReport) {
  Chart chart;
  chart.kind = ChartKind::Bar;
  chart.y.unit = in_bytes();
  Document document;
  document.add(chart);
  ByteUnit unit;
  ASSERT_TRUE(find_byte_unit("GB", unit));
  const nlohmann::json y = nlohmann::json::parse(json_of_page(document, unit))["charts"][0]["y"];
  EXPECT_EQ(y["unit"], "GB");
  EXPECT_DOUBLE_EQ(y["scale"], 1e-9);
}

TEST(HtmlHeatMap, ShadesRunFromTheLeastToTheMostAndByMagnitudeWhenAsked) {
  HeatMap map{.title = "t", .rows = {"r"}, .columns = {"a", "b", "c"}};
  map.values = {1, 10, 100};
  const auto page_of = [&map] {
    Document document;
    document.add(map);
    return render_html(document, {});
  };
  // (10 - 1) / 99 = 0.09 of ten shades: the first; ln 10 / ln 100 = 0.5: the sixth.
  EXPECT_NE(page_of().find("<td class=\"heat-0\">1</td><td class=\"heat-0\">10</td><td class=\"heat-9\">100</td>"),
            std::string::npos);
  map.logarithmic = true;
  EXPECT_NE(page_of().find("<td class=\"heat-0\">1</td><td class=\"heat-5\">10</td><td class=\"heat-9\">100</td>"),
            std::string::npos);
}

}  // namespace
}  // namespace moeplan
