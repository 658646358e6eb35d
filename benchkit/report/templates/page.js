// What a page does: sort, filter and choose columns, compare two rows, draw pictures. The figures
// are those of the element `content`; every text is set as text, never as markup.

const content = JSON.parse(document.getElementById("content").textContent);

const THEME = {
  background: null,
  font: "system-ui, sans-serif",
  view: { stroke: "currentColor", strokeOpacity: 0.25 },
  axis: {
    labelColor: "currentColor", titleColor: "currentColor", domainColor: "currentColor",
    tickColor: "currentColor", gridColor: "currentColor", gridOpacity: 0.13,
    titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12,
  },
  text: { color: "currentColor", fontSize: 12 },
  title: { color: "currentColor", subtitleColor: "currentColor" },
  header: { labelColor: "currentColor", titleColor: "currentColor" },
  legend: { labelColor: "currentColor", titleColor: "currentColor" },
};
const LEVEL = 0.05;
// Of the picture, and of its letters, in pixels.
const HEIGHT = 320;
const LETTER = 7;

// Elements

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function options(select, choices, chosen) {
  select.replaceChildren(
    ...choices.map(([value, words]) => {
      const option = element("option", { value }, words);
      option.selected = String(value) === String(chosen);
      return option;
    })
  );
}

// Figures

function show(value, column, signed = false) {
  if (value === null || value === undefined) return "—";
  if (typeof value === "string") return value;
  let text = Math.abs(value).toFixed(column.decimals);
  if (column.bare) text = text.replace(/^0\./, ".");
  const sign = value < 0 ? "−" : signed ? "+" : "";
  return sign + text;
}

function probability(p) {
  if (p >= 0.9995) return "1";
  return p < 0.001 ? "<.001" : p.toFixed(3).replace(/^0/, "");
}

// A table

class Board {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.place = new Map(data.columns.map((column, place) => [column.key, place]));
    this.table = root.querySelector("[data-results]");
    this.body = this.table.tBodies[0];
    this.lines = [...this.body.rows];
    this.chosen = [];
    this.prepareSorting();
    this.prepareColumns();
    this.prepareFilter();
    this.prepareComparison();
  }

  value(row, key) {
    return key === "label" ? this.data.labels[row] : this.data.values[row][this.place.get(key)];
  }

  column(key) {
    return this.data.columns[this.place.get(key)];
  }

  heading(key) {
    return this.table.querySelector(`thead [data-column="${CSS.escape(key)}"]`);
  }

  // Sorting: the better end first, the other at the next click; rows without a value last.

  prepareSorting() {
    for (const button of this.table.querySelectorAll("[data-sort]")) {
      button.addEventListener("click", () => this.sort(button));
    }
  }

  sort(button) {
    const key = button.dataset.sort;
    const heading = button.closest("th");
    const better = key === "label" ? -1 : this.column(key).better;
    const first = better < 0 ? "ascending" : "descending";
    const second = better < 0 ? "descending" : "ascending";
    const direction = heading.getAttribute("aria-sort") === first ? second : first;
    for (const other of this.table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const compare = (a, b) => this.compareValues(this.value(a, key), this.value(b, key), sign);
    this.lines.sort((a, b) => compare(Number(a.dataset.row), Number(b.dataset.row)));
    this.body.append(...this.lines);
  }

  compareValues(a, b, sign) {
    const missing = (value) => value === null || value === "";
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), "en", { numeric: true });
  }

  // Columns: a metric shows at each cutoff that is on.

  prepareColumns() {
    for (const box of this.root.querySelectorAll("[data-metric], [data-cutoff], [data-fact]")) {
      box.addEventListener("change", () => this.chooseColumns());
    }
    const beside = this.root.querySelector("[data-beside]");
    beside.addEventListener("change", () => {
      this.table.classList.remove("beside-spread", "beside-interval");
      if (beside.value) this.table.classList.add(`beside-${beside.value}`);
    });
    this.chooseColumns(); // a browser that comes back may have kept other boxes
  }

  chooseColumns() {
    const on = (kind) =>
      new Set([...this.root.querySelectorAll(`[data-${kind}]:checked`)].map((b) => b.dataset[kind]));
    const [metrics, cutoffs, facts] = [on("metric"), on("cutoff"), on("fact")];
    const visible = (key) => {
      const at = key.lastIndexOf("@");
      if (at < 0) return facts.has(key);
      return metrics.has(key.slice(0, at)) && cutoffs.has(key.slice(at + 1));
    };
    for (const cell of this.table.querySelectorAll("[data-column]")) {
      cell.hidden = !visible(cell.dataset.column);
    }
    if (this.panel) this.choose(this.chosen);
  }

  // Filter: rows whose label has all words.

  prepareFilter() {
    const field = this.root.querySelector("[data-filter]");
    field.addEventListener("input", () => this.filter(field.value));
    this.filter(field.value);
  }

  filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const line of this.lines) {
      const label = this.data.labels[Number(line.dataset.row)].toLowerCase();
      line.hidden = !words.every((word) => label.includes(word));
      shown += line.hidden ? 0 : 1;
    }
    const all = this.lines.length;
    this.root.querySelector("[data-count]").textContent =
      shown === all ? `${all} rows` : `${shown} of ${all} rows`;
  }

  // Comparison: the two rows chosen last.

  prepareComparison() {
    this.panel = this.root.querySelector("[data-comparison]");
    for (const line of this.lines) {
      const box = line.querySelector("[data-compare]");
      box.checked = false;
      box.addEventListener("change", () => this.toggle(Number(box.dataset.compare)));
      line.addEventListener("click", (event) => {
        if (!event.target.closest("label, button, a")) this.toggle(Number(line.dataset.row));
      });
    }
    for (const select of this.panel.querySelectorAll("[data-pick]")) {
      select.addEventListener("change", () => this.pick());
    }
    this.choose([]);
  }

  toggle(row) {
    const others = this.chosen.filter((other) => other !== row);
    this.choose(this.chosen.includes(row) ? others : [...others, row].slice(-2));
  }

  pick() {
    const picked = [...this.panel.querySelectorAll("[data-pick]")].map((select) => select.value);
    this.choose([...new Set(picked.filter((value) => value !== "").map(Number))]);
  }

  choose(rows) {
    this.chosen = rows;
    for (const line of this.lines) {
      const on = rows.includes(Number(line.dataset.row));
      line.classList.toggle("chosen", on);
      line.querySelector("[data-compare]").checked = on;
    }
    const choices = [["", "—"], ...this.data.labels.map((label, row) => [row, label])];
    for (const select of this.panel.querySelectorAll("[data-pick]")) {
      options(select, choices, rows[Number(select.dataset.pick)] ?? "");
    }
    const outcome = this.panel.querySelector("[data-outcome]");
    this.panel.classList.toggle("ready", rows.length === 2);
    if (rows.length === 2) outcome.replaceChildren(...this.comparison(...rows));
    else outcome.replaceChildren(element("p", { class: "quiet" }, this.invitation(rows)));
    this.onChoice?.();
  }

  invitation(rows) {
    if (rows.length === 1) return "Choose one more row.";
    return "Click two rows of the table, or choose them here: their difference, its interval, and the sessions that each wins.";
  }

  *comparison(a, b) {
    const [one, other] = [this.data.labels[a], this.data.labels[b]];
    yield element("p", {}, element("strong", {}, one), " less ", element("strong", {}, other));
    yield element("p", {}, this.verdict(a, b));
    const head = ["", "difference", "p", "won : tied : lost"];
    const tested = (column) => Boolean(this.pair(a, b, column.key));
    const shown = (column) => !this.heading(column.key).hidden;
    const rows = this.data.columns
      .filter((column) => column.metric && this.numbers(a, b, column))
      .filter((column) => tested(column) || shown(column))
      .sort((one, other) => Number(tested(other)) - Number(tested(one)));
    yield element(
      "div", { class: "scroll" },
      element(
        "table", {},
        element("thead", {}, element("tr", {}, ...head.map((words) =>
          element("th", { scope: "col", class: words ? "number" : "" }, words)))),
        element("tbody", {}, ...rows.map((column) => this.compared(a, b, column)))
      )
    );
    yield element("p", { class: "quiet" },
      "Paired over sessions: p by permutation, corrected by Holm over all pairs of the table; beneath each difference its 95 % interval, which is not corrected, by bootstrap over sessions and runs. Won and lost count sessions. `benchkit compare` looks at two rows alone, which takes less correction. A dash: not tested, since the metric takes more than the truth's rank or ranks are not there.");
  }

  numbers(a, b, column) {
    return [a, b].every((row) => typeof this.value(row, column.key) === "number");
  }

  compared(a, b, column) {
    const difference = this.value(a, column.key) - this.value(b, column.key);
    const test = this.pair(a, b, column.key);
    const good = difference * column.better;
    const told = test && test.p < LEVEL;
    const kind = told && good ? (good > 0 ? "win" : "loss") : "";
    const tied = test && this.data.pairs.sessions - test.won - test.lost;
    const cells = test ? [probability(test.p), `${test.won} : ${tied} : ${test.lost}`] : ["—", "—"];
    const interval = test
      ? element("small", {}, `${show(test.low, column, true)} to ${show(test.high, column, true)}`)
      : "";
    return element(
      "tr", { "data-compared": column.key },
      element("th", { scope: "row" }, column.name),
      element("td", { class: "number" },
        element("span", { class: kind }, show(difference, column, true)), interval),
      ...cells.map((text) => element("td", { class: "number" }, text))
    );
  }

  verdict(a, b) {
    const told = this.data.columns.filter((column) => column.metric && this.numbers(a, b, column))
      .map((column) => [column, this.pair(a, b, column.key)])
      .filter(([, test]) => test);
    if (!told.length) return "Nothing of them could be tested.";
    const names = (sign) => told
      .filter(([column, test]) => test.p < LEVEL &&
        Math.sign(this.value(a, column.key) - this.value(b, column.key)) * column.better === sign)
      .map(([column]) => column.name).join(", ");
    const parts = [];
    if (names(1)) parts.push(`the first is better in ${names(1)}`);
    if (names(-1)) parts.push(`the second is better in ${names(-1)}`);
    if (!parts.length) return "They cannot be told apart in any metric that was tested.";
    return `At level ${LEVEL}, ${parts.join("; ")}; in the others that were tested they cannot be told apart.`;
  }

  // What stands below the diagonal is the later row less the earlier.

  pair(a, b, key) {
    const metric = this.data.pairs.metrics[key];
    if (!metric) return null;
    const [i, j] = [metric.rows.indexOf(a), metric.rows.indexOf(b)];
    if (i < 0 || j < 0) return null;
    const [late, early] = [Math.max(i, j), Math.min(i, j)];
    const at = (late * (late - 1)) / 2 + early;
    const { p, low, high, won, lost } = metric;
    return i > j
      ? { p: p[at], low: low[at], high: high[at], won: won[at], lost: lost[at] }
      : { p: p[at], low: -high[at], high: -low[at], won: lost[at], lost: won[at] };
  }
}

// Pictures

const hint = element("div", { class: "hint", role: "status" });
hint.hidden = true;
document.body.append(hint);

function tooltip(_handler, event, _item, value) {
  hint.hidden = value === null || value === undefined || value === "";
  if (hint.hidden) return;
  const pairs = typeof value === "object" ? Object.entries(value) : [["", value]];
  hint.textContent = pairs.map(([name, part]) => (name ? `${name}: ${part}` : part)).join("; ");
  hint.style.left = `${Math.max(0, Math.min(event.pageX + 12, window.innerWidth - 260))}px`;
  hint.style.top = `${event.pageY + 14}px`;
}

async function draw(place, picture, points = null) {
  const specification = structuredClone(picture); // which drawing changes
  if (points) specification.datasets = { points };
  place.setAttribute("data-waiting", "");
  place.replaceChildren();
  const drawn = element("div");
  place.append(drawn);
  // `ast` has expressions interpreted: the page's policy permits no code made from text.
  const embedding = {
    mode: "vega-lite", ast: true, actions: false, renderer: "svg", defaultStyle: false,
  };
  const logLevel = 1; // errors: an empty layer is worth no warning
  await window.vegaEmbed(drawn, specification, { ...embedding, logLevel, tooltip, config: THEME });
  place.removeAttribute("data-waiting");
}

function columnsOf(place, width, most) {
  return Math.max(1, Math.min(most, Math.floor(place.clientWidth / width)));
}

// Accuracy against cost, with those that nothing beats in both.

class Costs {
  constructor(root, board) {
    this.board = board;
    this.place = root.querySelector("[data-picture]");
    this.words = root.querySelector("[data-front]");
    this.x = root.querySelector('[data-axis="x"]');
    this.y = root.querySelector('[data-axis="y"]');
    const { columns, axes, by } = board.data;
    const metrics = columns.filter((column) => column.metric && column.better);
    options(this.y, metrics.map((column) => [column.key, column.name]), by);
    options(this.x, axes.map((key) => [key, board.column(key).name]), axes[0]);
    for (const select of [this.x, this.y]) select.addEventListener("change", () => this.draw());
    board.onChoice = () => this.draw();
  }

  points() {
    const [x, y] = [this.board.column(this.x.value), this.board.column(this.y.value)];
    const points = this.board.data.labels
      .map((label, row) => ({
        row, label, x: this.board.value(row, x.key), y: this.board.value(row, y.key),
        chosen: this.board.chosen.includes(row),
      }))
      .filter((point) => typeof point.x === "number" && typeof point.y === "number");
    const beats = (a, b) =>
      a.x * x.better >= b.x * x.better && a.y * y.better >= b.y * y.better &&
      (a.x !== b.x || a.y !== b.y);
    for (const point of points) point.front = !points.some((other) => beats(other, point));
    const log = points.every((point) => point.x > 0) &&
      Math.max(...points.map((p) => p.x)) > 20 * Math.min(...points.map((p) => p.x));
    const along = (point) => (log ? Math.log(point.x) : point.x);
    const ends = [Math.min(...points.map(along)), Math.max(...points.map(along))];
    for (const point of points) point.right = along(point) > (ends[0] + ends[1]) / 2;
    this.name(points, along);
    return { points, x, y, log };
  }

  // Names the chosen, and of the front those whose name would not stand on another.

  name(points, along) {
    const scaled = (of, length) => {
      const [least, most] = [Math.min(...points.map(of)), Math.max(...points.map(of))];
      return (point) => ((of(point) - least) / (most - least || 1)) * length;
    };
    const across = scaled(along, this.place.clientWidth - 90);
    const up = scaled((point) => point.y, HEIGHT - 50);
    const named = [];
    for (const point of [...points].sort((a, b) => Number(b.chosen) - Number(a.chosen))) {
      const width = LETTER * point.label.length;
      const left = across(point) - (point.right ? width : 0);
      const box = { left, right: left + width, up: up(point) };
      const free = named.every((other) =>
        box.left > other.right || box.right < other.left || Math.abs(box.up - other.up) > 16);
      point.named = point.chosen || (point.front && free);
      if (point.named) named.push(box);
    }
  }

  async draw() {
    const { points, x, y, log } = this.points();
    const front = points.filter((point) => point.front).sort((a, b) => a.x - b.x);
    this.words.textContent = points.length
      ? `On the front, where no other row is at least as good in both: ${front.map((point) => point.label).join(", ")}.`
      : "No row has both figures.";
    const arrow = (column) => `${column.name}, ${column.better < 0 ? "less" : "more"} is better`;
    const words = {
      "X-TITLE": arrow(x) + (log ? " (logarithmic)" : ""), "Y-TITLE": arrow(y),
    };
    const text = JSON.stringify(content.front[log ? "log" : "linear"]);
    const picture = JSON.parse(text, (_key, value) => words[value] ?? value);
    await draw(this.place, picture, points);
  }
}

// A panel a row, all others behind it in grey.

function crossed(labels, breakdown) {
  const points = [];
  for (const panel of labels) {
    labels.forEach((label, row) => {
      breakdown.groups.forEach((group, place) => {
        const [rate, low, high] = breakdown.rates[row][place];
        points.push({
          panel, of: label, own: label === panel, joined: group.joined, group: group.name,
          rate, low, high, uncut: rate,
        });
      });
    });
  }
  return points;
}

async function drawBreakdown(place, breakdown) {
  if (!breakdown.picture) {
    place.removeAttribute("data-waiting");
    return;
  }
  // The picture's own labels, folded into lines as its panels are.
  const labels = breakdown.picture.facet.sort;
  const columns = columnsOf(place, 165, 6);
  const width = Math.min(210, (place.clientWidth - 60) / columns - 22);
  const spec = { ...breakdown.picture.spec, width };
  await draw(place, { ...breakdown.picture, columns, spec }, crossed(labels, breakdown));
}

// The whole page

const drawings = new Map(); // of a table's element: what draws all in it

function prepare(root, data) {
  const pictures = [];
  if (root.querySelector("[data-results]")) {
    const board = new Board(root, data);
    const costs = root.querySelector("[data-costs]");
    if (costs) {
      const picture = new Costs(costs, board);
      pictures.push(() => picture.draw());
    }
  }
  for (const place of root.querySelectorAll("[data-breakdown]")) {
    pictures.push(() => drawBreakdown(place, data.breakdowns[Number(place.dataset.breakdown)]));
  }
  for (const place of root.querySelectorAll("[data-search]")) {
    const picture = data.searches[Number(place.dataset.search)];
    place.closest("details").addEventListener("toggle", () =>
      draw(place, { ...picture, columns: columnsOf(place, 250, 3) }), { once: true });
  }
  drawings.set(root, async () => {
    for (const one of pictures) await one();
  });
}

async function drawOpen() {
  for (const [root, all] of drawings) if (root.open) await all();
}

async function start() {
  document.documentElement.classList.add("live");
  for (const root of document.querySelectorAll("[data-table]")) {
    prepare(root, content.tables[Number(root.dataset.table)]);
    if (!root.open) {
      for (const place of root.querySelectorAll("[data-waiting]")) place.removeAttribute("data-waiting");
      root.addEventListener("toggle", () => drawings.get(root)(), { once: true });
    }
  }
  for (const link of document.querySelectorAll('a[href^="#table-"]')) {
    link.addEventListener("click", () => {
      document.querySelector(link.getAttribute("href")).open = true;
    });
  }
  await drawOpen();
  for (const place of document.querySelectorAll("[data-profile]")) {
    for (const picture of content.profiles[Number(place.dataset.profile)]) {
      const part = element("div", { class: "picture" });
      place.append(part);
      await draw(part, picture);
    }
  }
  let width = window.innerWidth;
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (window.innerWidth !== width) drawOpen();
      width = window.innerWidth;
    }, 200);
  });
}

start();
