// Puts the page together: charts, tables, light and dark, print.

const root = document.documentElement;
const dataElement = document.getElementById('page-data');
const pageData = dataElement ? JSON.parse(dataElement.textContent) : { charts: [], tables: [] };
let drawn = [];

function drawCharts() {
  for (const chart of drawn) chart.destroy();
  if (pageData.charts.length === 0) return;
  const colors = readColors();
  drawn = Array.from(document.querySelectorAll('[data-chart]'), (figure) =>
    drawChart(pageData.charts[Number(figure.dataset.chart)], figure.querySelector('canvas'), colors),
  );
}

function prepareFigure(figure) {
  const spec = pageData.charts[Number(figure.dataset.chart)];
  const bars = isBars(spec) && spec.horizontal ? spec.categories.length : 0;
  if (bars > 0) figure.querySelector('.plot').style.height = `${Math.min(150 + 44 * bars, 900)}px`;
  const { columns, rows } = chartRows(spec);
  figure.querySelector('.twin').append(make('div', { className: 'bar' }, downloadButtons(spec.name, columns, () => rows)));
}

// ---- light and dark ----

const darkScheme = matchMedia('(prefers-color-scheme: dark)');
const themeButton = document.getElementById('theme');

const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : darkScheme.matches);

function showTheme() {
  themeButton.textContent = isDark() ? 'Light' : 'Dark';
  themeButton.setAttribute('aria-label', `switch to ${isDark() ? 'light' : 'dark'} colours`);
  drawCharts();
}

themeButton.onclick = () => {
  root.dataset.theme = isDark() ? 'light' : 'dark';
  showTheme();
};
darkScheme.addEventListener('change', showTheme);

// ---- print: light, with everything open ----

let opened = [];

function startPrint() {
  if (root.classList.contains('printing')) return;
  root.classList.add('printing');
  opened = Array.from(document.querySelectorAll('details:not([open])'));
  for (const details of opened) details.open = true;
  drawCharts();
}

function endPrint() {
  root.classList.remove('printing');
  for (const details of opened) details.open = false;
  drawCharts();
}

addEventListener('beforeprint', startPrint);
addEventListener('afterprint', endPrint);
matchMedia('print').addEventListener('change', (event) => (event.matches ? startPrint() : endPrint()));

// ---- start ----

themeButton.hidden = false;
for (const figure of document.querySelectorAll('[data-chart]')) prepareFigure(figure);
for (const host of document.querySelectorAll('[data-table]'))
  new BigTable(pageData.tables[Number(host.dataset.table)], host);
showTheme();
