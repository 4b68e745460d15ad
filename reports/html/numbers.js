// Numbers as people read and filter them. figureText follows figure_text() of
// reports/chart_tables.cc, so that a page shows one number one way.

function figureText(value) {
  if (value === null || Number.isNaN(value)) return '';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 1e15 || size < 1e-4) return value.toExponential(3).replace(/\.?0+e/, 'e');
  if (size >= 999.95) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(4)));
}

// measure: an axis or a column, {unit, scale, decimals?}. Raw values stay raw in the data.
function shownNumber(measure, raw) {
  return raw === null || Number.isNaN(raw) ? null : raw * measure.scale;
}

function shownText(measure, raw) {
  const value = shownNumber(measure, raw);
  if (value === null) return '';
  if (measure.decimals === undefined) return figureText(value);
  const text = value.toFixed(measure.decimals);
  if (value === 0 || Number(text) !== 0) return text;
  const least = (10 ** -measure.decimals).toFixed(measure.decimals); // a trace, as number_text() says it
  return value < 0 ? `>-${least}` : `<${least}`;
}

function withUnit(text, measure) {
  return measure.unit && text !== '' ? `${text} ${measure.unit}` : text;
}

// "1,024", "8k" (1000 each), "1e-3"; null when it is no number.
function readNumber(text) {
  const match = /^([-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([kMGT]?)$/i.exec(text.trim());
  if (!match) return null;
  const prefixes = { k: 1e3, m: 1e6, g: 1e9, t: 1e12 };
  return Number(match[1].replaceAll(',', '')) * (prefixes[match[2].toLowerCase()] || 1);
}

// A filter of numbers as they are shown: ">100", "<=2k", "8", "!=0", "10..20". Returns a
// predicate, or null when the words make no sense. An empty cell passes none.
function numberFilter(words) {
  const range = /^(.+?)\.\.(.+)$/.exec(words);
  if (range) {
    const [low, high] = [readNumber(range[1]), readNumber(range[2])];
    return low === null || high === null ? null : (x) => x !== null && low <= x && x <= high;
  }
  const [, operator, rest] = /^(>=|<=|!=|>|<|=)?(.*)$/.exec(words);
  const limit = readNumber(rest);
  if (limit === null) return null;
  // What is shown with four digits is found by them.
  const same = (x) => x === limit || figureText(x) === figureText(limit);
  const tests = {
    '>': (x) => x > limit,
    '>=': (x) => x >= limit,
    '<': (x) => x < limit,
    '<=': (x) => x <= limit,
    '!=': (x) => !same(x),
    '=': same,
  };
  const test = tests[operator || '='];
  return (x) => x !== null && test(x);
}

// A filter of texts: part of it in any case, "=all of it", "!not in it", "one|another".
function textFilter(words) {
  const alternatives = words.toLowerCase().split('|');
  const tests = alternatives.map((word) => {
    if (word.startsWith('=')) return (text) => text === word.slice(1);
    if (word.startsWith('!')) return (text) => !text.includes(word.slice(1));
    return (text) => text.includes(word);
  });
  return (text) => tests.some((test) => test(text.toLowerCase()));
}

// ---- downloads ----

// One CSV field. Spreadsheets run a text that begins like a formula, so such a text gets an
// apostrophe before it; the JSON download has it as it is. Numbers are never touched.
function csvField(value) {
  if (value === null) return '';
  let text = String(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text) && text.length > 1 && Number.isNaN(Number(text)))
    text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// columns: [{key, at}], at(row) -> null, number or string.
function csvText(columns, rows) {
  const lines = [columns.map((column) => csvField(column.key)).join(',')];
  for (const row of rows) lines.push(columns.map((column) => csvField(column.at(row))).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

function jsonText(columns, rows) {
  const items = Array.from(rows, (row) => Object.fromEntries(columns.map((column) => [column.key, column.at(row)])));
  return `${JSON.stringify(items, null, 1)}\n`;
}

function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// Two buttons; rows() is asked when one is pressed.
function downloadButtons(name, columns, rows) {
  const csv = make('button', { type: 'button', className: 'quiet', textContent: 'Download CSV' });
  const json = make('button', { type: 'button', className: 'quiet', textContent: 'Download JSON' });
  csv.onclick = () => download(`${name}.csv`, 'text/csv', csvText(columns, rows()));
  json.onclick = () => download(`${name}.json`, 'application/json', jsonText(columns, rows()));
  return [csv, json];
}

// An element with properties and children; text never becomes markup.
function make(tag, properties, children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (children) element.append(...children);
  return element;
}
