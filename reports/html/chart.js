// Charts: what moeplan says of them (reports/chart.h) as configurations of Chart.js.

const kMostPoints = 5000; // drawn; of more, those that would cover each other are left out
const kMarks = ['circle', 'rect', 'triangle', 'rectRot', 'crossRot', 'star'];
const kDashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 2]];
const kSeriesColors = 8;

// Colours as the style sheet resolves them now.
function readColors() {
  const probe = make('span', { hidden: true });
  document.body.append(probe);
  const color = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colors = { text: color('text'), muted: color('muted'), rule: color('rule'), background: color('background') };
  colors.series = Array.from({ length: kSeriesColors }, (_, i) => color(`series-${i}`));
  probe.remove();
  return colors;
}

const isBars = (spec) => spec.kind === 'bar' || spec.kind === 'stacked';
const axisTitle = (axis) => (axis.unit ? `${axis.title} (${axis.unit})` : axis.title);

function drawChart(spec, canvas, colors) {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.color = colors.muted;
  return new Chart(canvas, isBars(spec) ? barConfig(spec, colors) : pointConfig(spec, colors));
}

// ---- what both kinds share ----

function baseOptions(spec, colors) {
  return {
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    layout: { padding: { top: spec.references.length ? 22 : 8, right: 12 } },
    plugins: {
      legend: {
        display: spec.series.length > 1 && spec.series.length <= 24,
        position: 'bottom',
        labels: { usePointStyle: true, boxHeight: 8, color: colors.text },
      },
      tooltip: { displayColors: isBars(spec), padding: 10, boxPadding: 4, usePointStyle: true },
    },
  };
}

function scaleOf(axis, colors, limits) {
  return {
    type: axis.log ? 'logarithmic' : 'linear',
    title: { display: true, text: axisTitle(axis), color: colors.text },
    grid: { color: ({ tick }) => (tick && tick.label === '' ? 'transparent' : colors.rule), borderColor: colors.rule },
    ticks: axis.log
      ? { callback: logTick, autoSkip: false, maxRotation: 0 }
      : { callback: (value) => figureText(value), maxTicksLimit: 9, maxRotation: 0 },
    ...limits,
  };
}

// Of a logarithmic axis: 1, 2 and 5 of each decade, over many decades 1.
function logTick(value) {
  const decade = 10 ** Math.floor(Math.log10(value) + 1e-9);
  const digit = Math.round(value / decade);
  const decades = Math.log10(this.max / this.min);
  return digit === 1 || (decades < 3 && (digit === 2 || digit === 5)) ? figureText(value) : '';
}

// ---- bars ----

function barConfig(spec, colors) {
  const options = baseOptions(spec, colors);
  const highest = Math.max(0, ...spec.references.map((line) => shownNumber(spec.y, line.value)));
  const stacked = spec.kind === 'stacked';
  const value = { ...scaleOf(spec.y, colors, { suggestedMax: highest * 1.04 }), stacked };
  const category = {
    stacked,
    title: { display: spec.x.title !== '', text: spec.x.title, color: colors.text },
    grid: { display: false, borderColor: colors.rule },
    ticks: { color: colors.text, autoSkip: true },
  };
  options.indexAxis = spec.horizontal ? 'y' : 'x';
  options.scales = spec.horizontal ? { x: value, y: category } : { x: category, y: value };
  options.interaction = { mode: 'index', intersect: false, axis: options.indexAxis };
  options.plugins.tooltip.callbacks = {
    label: (item) => barLine(spec, item.dataset.series, item.dataIndex),
    footer: (items) => barFooter(spec, items[0].dataIndex),
  };
  return {
    type: 'bar',
    data: { labels: spec.categories, datasets: spec.series.map((series, i) => barSet(spec, series, i, colors)) },
    options,
    plugins: [whiskers, referenceLines(spec, colors)],
  };
}

function barSet(spec, series, i, colors) {
  const band = (name) => (series[name] || []).map((raw) => shownNumber(spec.y, raw));
  return {
    label: series.name,
    data: series.y.map((raw) => shownNumber(spec.y, raw)),
    series,
    lows: band('low'),
    highs: band('high'),
    whiskerColor: colors.text,
    pointStyle: 'rect',
    backgroundColor: colors.series[i % kSeriesColors],
    borderColor: colors.background,
    borderWidth: 1,
    maxBarThickness: 46,
  };
}

function barLine(spec, series, index) {
  const band = series.low && series.low[index] !== null
    ? ` (${shownText(spec.y, series.low[index])}..${shownText(spec.y, series.high[index])})` : '';
  const label = series.label && series.label[index] ? `, ${series.label[index]}` : '';
  return `${series.name}: ${withUnit(shownText(spec.y, series.y[index]), spec.y)}${band}${label}`;
}

function barFooter(spec, index) {
  const lines = [];
  if (spec.kind === 'stacked' && spec.series.length > 1) {
    const total = spec.series.reduce((sum, series) => sum + (series.y[index] || 0), 0);
    lines.push(`total: ${withUnit(shownText(spec.y, total), spec.y)}`);
  }
  for (const line of spec.references)
    if (line.category === undefined || line.category === index)
      lines.push(`${line.name}: ${withUnit(shownText(spec.y, line.value), spec.y)}`);
  return lines;
}

// ---- points and lines ----

function pointConfig(spec, colors) {
  const options = baseOptions(spec, colors);
  options.scales = { x: scaleOf(spec.x, colors, limitsOf(spec, 'x')), y: scaleOf(spec.y, colors, limitsOf(spec, 'y')) };
  options.interaction = { mode: 'nearest', intersect: false, axis: 'xy' };
  options.plugins.tooltip.filter = (item) => !item.dataset.isGuide;
  options.plugins.tooltip.callbacks = {
    title: (items) => (items.length ? pointTitle(spec, items[0]) : ''),
    label: (item) => pointLines(spec, item.raw.point),
  };
  const count = spec.series.reduce((sum, series) => sum + series.y.length, 0);
  const datasets = spec.series.map((series, i) => pointSet(spec, series, i, colors, count));
  return { type: 'scatter', data: { datasets }, options, plugins: [whiskers, referenceLines(spec, colors)] };
}

// A logarithmic axis begins and ends at 1, 2 or 5 of a decade; Chart.js takes whole ones.
function limitsOf(spec, name) {
  if (!spec[name].log) return {};
  let [least, most] = [Infinity, 0];
  for (const series of spec.series)
    for (const raw of series[name]) {
      const value = shownNumber(spec[name], raw);
      if (!(value > 0)) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  if (most === 0) return {};
  const steps = [1, 2, 5, 10];
  const [low, high] = [10 ** Math.floor(Math.log10(least)), 10 ** Math.floor(Math.log10(most))];
  return {
    min: low * steps.filter((step) => low * step <= least * 1.0001).pop(),
    max: high * steps.find((step) => high * step >= most * 0.9999),
  };
}

function pointSet(spec, series, i, colors, count) {
  const guide = series.style === 'guide';
  const color = guide ? colors.text : colors.series[i % kSeriesColors];
  const dotted = series.style === 'points' || series.style === 'both';
  const points = pointsOf(spec, series);
  const shown = count > kMostPoints ? thinned(spec, points) : points;
  return {
    label: series.name,
    data: shown,
    isGuide: guide,
    lows: shown.map((p) => p.low),
    highs: shown.map((p) => p.high),
    whiskerColor: color,
    showLine: series.style !== 'points',
    spanGaps: false,
    borderColor: color,
    backgroundColor: color,
    borderWidth: guide ? 1 : 2,
    borderDash: guide ? [4, 4] : kDashes[i % kDashes.length],
    pointStyle: guide ? 'line' : kMarks[i % kMarks.length],
    pointRadius: dotted ? (count > 1000 ? 2 : 3.5) : 0,
    pointHoverRadius: guide ? 0 : 6,
    pointHitRadius: guide ? 0 : 8,
    order: guide ? -1 : 0, // on top of many points
  };
}

function pointsOf(spec, series) {
  const at = (list, i) => (list ? list[i] : null);
  const points = [];
  for (let i = 0; i < series.y.length; ++i) {
    const x = shownNumber(spec.x, series.x[i]);
    const y = shownNumber(spec.y, series.y[i]);
    if ((spec.x.log && !(x > 0)) || (spec.y.log && !(y > 0))) continue;
    const point = { x: series.x[i], y: series.y[i], low: at(series.low, i), high: at(series.high, i) };
    point.label = series.label ? series.label[i] : '';
    const [low, high] = [shownNumber(spec.y, point.low), shownNumber(spec.y, point.high)];
    points.push({ x: x === null ? NaN : x, y: y === null ? NaN : y, low, high, point });
  }
  return points;
}

// One point of each cell of a fine grid: what is left out would lie under what is drawn.
function thinned(spec, points) {
  const place = (axis, value) => (axis.log ? Math.log(value) : value);
  const range = (axis, name) => {
    let [low, high] = [Infinity, -Infinity];
    for (const p of points) {
      const value = place(axis, p[name]);
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return [low, high > low ? high - low : 1];
  };
  const [left, width] = range(spec.x, 'x');
  const [bottom, height] = range(spec.y, 'y');
  const seen = new Set();
  return points.filter((p) => {
    const column = Math.round((400 * (place(spec.x, p.x) - left)) / width);
    const row = Math.round((240 * (place(spec.y, p.y) - bottom)) / height);
    const cell = column * 1000 + row;
    if (seen.has(cell)) return false;
    seen.add(cell);
    return true;
  });
}

function pointTitle(spec, item) {
  const label = item.raw.point.label;
  if (spec.series.length === 1) return label;
  return label ? `${item.dataset.label}: ${label}` : item.dataset.label;
}

function pointLines(spec, point) {
  const band = point.low === null ? '' : ` (${shownText(spec.y, point.low)}..${shownText(spec.y, point.high)})`;
  return [
    `${spec.x.title}: ${withUnit(shownText(spec.x, point.x), spec.x)}`,
    `${spec.y.title}: ${withUnit(shownText(spec.y, point.y), spec.y)}${band}`,
  ];
}

// ---- what Chart.js does not draw itself ----

// Bands of values, at bars and points.
const whiskers = {
  id: 'whiskers',
  afterDatasetsDraw(chart) {
    const vertical = chart.options.indexAxis !== 'y';
    const scale = vertical ? chart.scales.y : chart.scales.x;
    const context = chart.ctx;
    chart.data.datasets.forEach((set, i) => {
      if (!chart.isDatasetVisible(i)) return;
      context.strokeStyle = set.whiskerColor;
      context.lineWidth = 1;
      context.beginPath();
      chart.getDatasetMeta(i).data.forEach((element, j) => {
        const [low, high] = [set.lows[j], set.highs[j]];
        if (low === null || high === null || low === undefined || high === undefined) return;
        drawWhisker(context, vertical, vertical ? element.x : element.y, scale, low, high);
      });
      context.stroke();
    });
  },
};

function drawWhisker(context, vertical, at, scale, low, high) {
  const [from, to] = [scale.getPixelForValue(low), scale.getPixelForValue(high)];
  const line = (x0, y0, x1, y1) => {
    context.moveTo(vertical ? x0 : y0, vertical ? y0 : x0);
    context.lineTo(vertical ? x1 : y1, vertical ? y1 : x1);
  };
  line(at, from, at, to);
  line(at - 3, from, at + 3, from);
  line(at - 3, to, at + 3, to);
}

// The budget: across all bars, or across its own.
function referenceLines(spec, colors) {
  return {
    id: 'references',
    afterDatasetsDraw(chart) {
      const named = new Set();
      for (const line of spec.references) {
        drawReference(chart, spec, line, colors, !named.has(line.name));
        named.add(line.name);
      }
    },
  };
}

function drawReference(chart, spec, line, colors, named) {
  const across = spec.horizontal ? chart.scales.y : chart.scales.x;
  const scale = spec.horizontal ? chart.scales.x : chart.scales.y;
  const area = chart.chartArea;
  const at = scale.getPixelForValue(shownNumber(spec.y, line.value));
  let [from, to] = spec.horizontal ? [area.top, area.bottom] : [area.left, area.right];
  if (line.category !== undefined) {
    const half = Math.abs(to - from) / (2 * spec.categories.length);
    const middle = across.getPixelForValue(line.category);
    [from, to] = [middle - half, middle + half];
  }
  const context = chart.ctx;
  context.save();
  context.strokeStyle = colors.text;
  context.lineWidth = 2;
  context.setLineDash([6, 4]);
  context.beginPath();
  context.moveTo(spec.horizontal ? at : from, spec.horizontal ? from : at);
  context.lineTo(spec.horizontal ? at : to, spec.horizontal ? to : at);
  context.stroke();
  if (named) {
    context.fillStyle = colors.text;
    context.font = `12px ${Chart.defaults.font.family}`;
    context.textAlign = spec.horizontal && at < (area.left + area.right) / 2 ? 'left' : 'right';
    const text = `${line.name} ${withUnit(shownText(spec.y, line.value), spec.y)}`;
    context.fillText(text, spec.horizontal ? at : to, spec.horizontal ? area.top - 8 : at - 6);
  }
  context.restore();
}

// The numbers of a chart for its downloads, a row per point or bar.
function chartRows(spec) {
  const rows = [];
  for (const series of spec.series) {
    if (series.style === 'guide') continue;
    for (let i = 0; i < series.y.length; ++i) rows.push({ series, i });
  }
  const of = (name) => ({ series, i }) => (series[name] ? series[name][i] : null);
  const columns = [
    { key: 'series', at: ({ series }) => series.name },
    { key: spec.x.title || 'x', at: isBars(spec) ? ({ i }) => spec.categories[i] : of('x') },
    { key: spec.y.title || 'y', at: of('y') },
  ];
  for (const name of ['low', 'high', 'label'])
    if (spec.series.some((series) => series[name])) columns.push({ key: name, at: of(name) });
  return { columns, rows };
}
