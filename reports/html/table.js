// A table of many rows: sorted and filtered as arrays of row numbers, of which one page at
// a time is in the document. 100,000 rows stay quick.

const kPageSizes = [25, 50, 200];
const kLongText = 50; // characters; more of them wrap
const kMostColumns = 14; // beyond them, columns of a priority above 0 start out hidden

class BigTable {
  constructor(spec, host) {
    this.spec = spec;
    const byKey = new Map(spec.columns.map((column) => [column.key, column]));
    const bands = new Set(spec.columns.flatMap((column) => [column.low, column.high]).filter(Boolean));
    this.columns = spec.columns
      .filter((column) => !bands.has(column.key))
      .map((column) => ({ ...column, lowColumn: byKey.get(column.low), highColumn: byKey.get(column.high) }));
    const crowded = this.columns.length > kMostColumns;
    for (const column of this.columns) column.hidden = crowded && column.priority > 0;
    this.filters = new Map(); // column -> words
    this.find = '';
    this.sorted = null; // {column, down}
    this.page = 0;
    this.pageSize = kPageSizes[0];
    this.build(host);
    this.update();
  }

  // ---- the order of rows ----

  update() {
    const rows = this.filteredRows();
    this.order = this.sorted ? sortRows(rows, this.sorted.column, this.sorted.down) : rows;
    this.page = 0;
    this.show();
  }

  filteredRows() {
    const keeps = [];
    for (const [column, words] of this.filters) {
      const keep = rowFilter(column, words);
      if (keep) keeps.push(keep);
    }
    for (const word of this.find.toLowerCase().split(/\s+/).filter(Boolean)) keeps.push(this.finds(word));
    const rows = new Uint32Array(this.spec.rows);
    let count = 0;
    for (let row = 0; row < this.spec.rows; ++row) if (keeps.every((keep) => keep(row))) rows[count++] = row;
    return rows.subarray(0, count);
  }

  // Rows with this word in a text, or with this number.
  finds(word) {
    const number = readNumber(word);
    const keeps = this.columns
      .filter((column) => column.words || number !== null)
      .map((column) => rowFilter(column, column.words ? word : String(number)));
    return (row) => keeps.some((keep) => keep(row));
  }

  sortBy(column) {
    if (!this.sorted || this.sorted.column !== column) this.sorted = { column, down: false };
    else this.sorted = this.sorted.down ? null : { column, down: true };
    this.update();
  }

  // ---- the document ----

  build(host) {
    const id = `table-${this.spec.name}`;
    this.search = make('input', { type: 'search', id, placeholder: 'Find in all rows', autocomplete: 'off' });
    this.search.setAttribute('aria-label', `find in ${this.spec.title}`);
    this.search.oninput = later(() => {
      this.find = this.search.value;
      this.update();
    });
    this.count = make('output', { className: 'count' });
    this.count.setAttribute('aria-live', 'polite');
    const downloads = downloadButtons(this.spec.name, columnReaders(this.spec.columns), () => this.order);
    this.head = make('thead');
    this.body = make('tbody');
    const table = make('table', {}, [this.head, this.body]);
    host.append(
      make('div', { className: 'bar' }, [this.search, this.count, this.columnChooser(), ...downloads]),
      make('div', { className: 'scroll', tabIndex: 0 }, [table]),
      this.buildPager(),
    );
    this.buildHead();
  }

  columnChooser() {
    const list = make('div', { className: 'columns' });
    for (const column of this.columns) {
      const box = make('input', { type: 'checkbox', checked: !column.hidden });
      box.onchange = () => {
        column.hidden = !box.checked;
        this.buildHead();
        this.show();
      };
      list.append(make('label', {}, [box, ` ${column.title}`]));
    }
    return make('details', { className: 'chooser' }, [make('summary', { textContent: 'Columns' }), list]);
  }

  buildHead() {
    const titles = make('tr');
    const filters = make('tr', { className: 'filters' });
    for (const column of this.columns.filter((c) => !c.hidden)) {
      const button = make('button', { type: 'button', textContent: column.title });
      if (column.unit) button.append(' ', make('span', { className: 'unit', textContent: column.unit }));
      button.onclick = () => this.sortBy(column);
      column.header = make('th', { scope: 'col', className: column.words ? '' : 'number' }, [button]);
      titles.append(column.header);
      filters.append(make('td', {}, [this.filterBox(column)]));
    }
    this.head.replaceChildren(titles, filters);
  }

  filterBox(column) {
    const box = make('input', { type: 'text', value: this.filters.get(column) || '', autocomplete: 'off' });
    box.placeholder = column.words ? 'text' : '>0, 1..9';
    box.setAttribute('aria-label', `filter ${column.title}`);
    box.oninput = later(() => {
      const words = box.value.trim();
      const wrong = words !== '' && rowFilter(column, words) === null;
      box.setAttribute('aria-invalid', String(wrong));
      box.title = wrong ? 'A number, >5, <=2k, !=0 or 10..20' : '';
      if (words === '' || wrong) this.filters.delete(column);
      else this.filters.set(column, words);
      this.update();
    });
    return box;
  }

  buildPager() {
    const size = make('select');
    size.setAttribute('aria-label', 'rows on a page');
    for (const n of kPageSizes) size.append(make('option', { value: n, textContent: `${n} rows` }));
    size.onchange = () => {
      this.pageSize = Number(size.value);
      this.page = 0;
      this.show();
    };
    const step = (text, target) => {
      const button = make('button', { type: 'button', className: 'quiet', textContent: text });
      button.onclick = () => {
        this.page = target();
        this.show();
      };
      return button;
    };
    this.first = step('First', () => 0);
    this.previous = step('Previous', () => this.page - 1);
    this.next = step('Next', () => this.page + 1);
    this.last = step('Last', () => this.pages() - 1);
    this.where = make('span', { className: 'count' });
    this.pager = make('div', { className: 'bar pager' }, [
      this.first, this.previous, this.where, this.next, this.last, size,
    ]);
    return this.pager;
  }

  pages() {
    return Math.max(1, Math.ceil(this.order.length / this.pageSize));
  }

  show() {
    const shown = this.columns.filter((column) => !column.hidden);
    const start = this.page * this.pageSize;
    const rows = Array.from(this.order.subarray(start, start + this.pageSize));
    this.body.replaceChildren(...rows.map((row) => make('tr', {}, shown.map((column) => cellOf(column, row)))));
    for (const column of shown) {
      const here = this.sorted && this.sorted.column === column;
      column.header.setAttribute('aria-sort', here ? (this.sorted.down ? 'descending' : 'ascending') : 'none');
    }
    const all = figureText(this.spec.rows);
    this.count.textContent =
      this.order.length === this.spec.rows ? `${all} rows` : `${figureText(this.order.length)} of ${all} rows`;
    this.where.textContent = `page ${figureText(this.page + 1)} of ${figureText(this.pages())}`;
    this.first.disabled = this.previous.disabled = this.page === 0;
    this.last.disabled = this.next.disabled = this.page >= this.pages() - 1;
    this.pager.hidden = this.spec.rows <= kPageSizes[0];
  }
}

function cellOf(column, row) {
  if (column.words) {
    const text = column.words[column.values[row]];
    return make('td', { textContent: text, className: text.length > kLongText ? 'long' : '' });
  }
  const cell = make('td', { className: 'number', textContent: shownText(column, column.values[row]) });
  const [low, high] = [column.lowColumn, column.highColumn].map((c) => (c ? shownText(column, c.values[row]) : ''));
  if (low !== '' && high !== '' && low !== high) cell.append(' ', make('span', { className: 'band', textContent: `${low}..${high}` }));
  return cell;
}

// Every column of the data as it is downloaded.
function columnReaders(columns) {
  return columns.map((column) => ({
    key: column.key,
    at: column.words ? (row) => column.words[column.values[row]] : (row) => column.values[row],
  }));
}

// row -> whether it passes; null when the words make no sense for this column.
function rowFilter(column, words) {
  if (!column.words) {
    const test = numberFilter(words);
    return test && ((row) => test(shownNumber(column, column.values[row])));
  }
  const test = textFilter(words);
  const passes = column.words.map(test); // each text once, not each row
  return (row) => passes[column.values[row]];
}

// Empty cells last either way; equal ones stay in the order of the data.
function sortRows(rows, column, down) {
  const keys = sortKeys(column);
  const sign = down ? -1 : 1;
  return rows.slice().sort((a, b) => {
    const [x, y] = [keys[a], keys[b]];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) return a - b;
    if (Number.isNaN(x)) return 1;
    if (Number.isNaN(y)) return -1;
    return sign * (x - y);
  });
}

function sortKeys(column) {
  if (!column.words) return Float64Array.from(column.values, (value) => (value === null ? NaN : value));
  const collator = new Intl.Collator('en', { numeric: true });
  const ranked = column.words.map((_, i) => i).sort((a, b) => collator.compare(column.words[a], column.words[b]));
  const ranks = new Float64Array(column.words.length);
  ranked.forEach((word, rank) => (ranks[word] = rank));
  return Float64Array.from(column.values, (word) => ranks[word]);
}

// After typing has paused.
function later(action) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, 150);
  };
}
