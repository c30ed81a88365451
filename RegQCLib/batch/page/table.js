// The table: only rows in view exist, between two spaces as high as the others would be.

const HEIGHT = 55;
const MARGIN = 6;
const scroll = document.getElementById("scroll");
const table = document.getElementById("table");

const COLUMNS = [
  { name: "thumbnail", title: "Slice", width: 70, cell: pictureCell },
  { name: "id", title: "Case", width: 134, cell: nameCell },
  { name: "kind", title: "Verdict", width: 122, cell: (one) => element("td", {}, kindLabel(one.kind)) },
  { name: "decision", title: "Decision", width: 106, cell: decisionCell },
  { name: "outlier", title: "Outlier", width: 86, cell: outlierCell },
  { name: "error_mean_mm", title: "Mean, mm", width: 92, cell: (one) => measureCell(one, PLOTS[0]) },
  { name: "error_p95_mm", title: "95 %, mm", width: 88, cell: (one) => measureCell(one, PLOTS[1]) },
  { name: "probability_misaligned", title: "Probab.", width: 76, cell: (one) => measureCell(one, PLOTS[2]) },
  { name: "flagged_slices", title: "Flagged", width: 74, digits: 0 },
  { name: "folded_fraction", title: "Folded, %", width: 86, cell: (one) => numberCell(percent(one.folded_fraction)) },
];

// All others can be shown, too; at first, two of the manifest's own that are no paths.
const isPath = (name) => cases.some((one) => /[\\/]|\.nii|\.mha/.test(one[name]));
const shownElsewhere = new Set([...COLUMNS.map((column) => column.name), "verdict", "status", "outlier_by", "report"]);
const others = [...new Set([...data.own, ...data.columns])].filter((name) => !shownElsewhere.has(name));
const firstOwn = data.own.filter((name) => others.includes(name) && !isPath(name)).slice(0, 2);
for (const column of COLUMNS) column.off = !cases.some((one) => (one[column.name] ?? null) !== null) && column.name !== "decision";
COLUMNS.push(...others.map((name) => ({ name, title: words(name), width: 120, off: !firstOwn.includes(name) })));

function makeHead() {
  const columns = COLUMNS.filter((column) => !column.off);
  table.style.width = `${columns.reduce((sum, column) => sum + column.width, 0)}px`;
  const cells = columns.map((column) => {
    const sorted = order.column === column.name && (order.descending ? "descending" : "ascending");
    const arrow = { descending: " ▼", ascending: " ▲" }[sorted] ?? "";
    return element("th", { scope: "col", "aria-sort": sorted, class: isNumber(column) ? "number" : null, style: `width: ${column.width}px` },
      element("button", { type: "button", title: `Sort by ${column.title}`, onclick: () => sortBy(column) }, column.title + arrow));
  });
  table.tHead.replaceChildren(element("tr", { "aria-rowindex": 1 }, ...cells));
}

function isNumber(column) {
  column.isNumber ??= column.name !== "thumbnail" && cases.some((one) => typeof one[column.name] === "number");
  return column.isNumber;
}

function sortBy(column) {
  const name = column.name === "thumbnail" ? "outlier" : column.name;
  order.descending = order.column === name ? !order.descending : isNumber({ name });
  order.column = name;
  refresh({ toTop: true });
}

const rows = new Map();
let drawn = "";

function forgetRows() {
  rows.clear();
  drawn = "";
}

function drawTable() {
  const first = Math.max(0, Math.floor(scroll.scrollTop / HEIGHT) - MARGIN);
  const last = Math.min(shown.length, Math.ceil((scroll.scrollTop + scroll.clientHeight) / HEIGHT) + MARGIN);
  const inView = shown.slice(first, last);
  const kept = new Set(inView);
  for (const one of rows.keys()) if (!kept.has(one)) rows.delete(one);
  inView.forEach((one, i) => {
    if (!rows.has(one)) rows.set(one, makeRow(one));
    rows.get(one).setAttribute("aria-rowindex", first + i + 2);
    rows.get(one).setAttribute("aria-selected", one === selected);
  });
  if (drawn === `${first} ${last}`) return;
  drawn = `${first} ${last}`;
  table.setAttribute("aria-rowcount", shown.length + 1);
  table.tBodies[0].replaceChildren(space(first), ...inView.map((one) => rows.get(one)), space(shown.length - last));
}

function space(count) {
  return element("tr", { class: "space", "aria-hidden": "true" }, element("td", { style: `height: ${count * HEIGHT}px` }));
}

function makeRow(one) {
  const cells = COLUMNS.filter((column) => !column.off).map((column) => (column.cell ?? plainCell)(one, column));
  return element("tr", { class: one.kind, onclick: () => select(one), ondblclick: () => openReport(one) }, ...cells);
}

function plainCell(one, column) {
  const value = one[column.name];
  if (typeof value === "number") return numberCell(column.digits === undefined ? `${value}` : number(value, column.digits));
  if (value === null || value === undefined) return isNumber(column) ? numberCell("–") : element("td", {}, "–");
  return element("td", { title: value }, `${value}`);
}

function numberCell(text) {
  return element("td", { class: "number" }, text);
}

function measureCell(one, plot) {
  const value = one[plot.name];
  if (typeof value !== "number") return numberCell("–");
  return element("td", { class: "number measure", style: `--part: ${Math.max(0, Math.min(1, value / plot.high))}` }, plot.high === 1 ? probability(value) : number(value));
}

function outlierCell(one) {
  const text = one.outlier_by === "not measured" ? "–" : number(one.outlier);
  const isOut = text !== "–" && one.outlier > data.cut_off;
  return element("td", { class: "number", title: `how far from the others by its ${one.outlier_by}; an outlier above ${data.cut_off}` }, isOut ? element("b", {}, text) : text);
}

// A case without a verdict says why in a second line.
function nameCell(one) {
  const why = one.kind === "failed" || one.kind === "cannot_tell" ? one.reason : "";
  return element("td", { title: why || one.id }, one.id, ...(why ? [element("small", {}, why)] : []));
}

function pictureCell(one) {
  return element("td", { class: "picture" }, one.thumbnail
    ? element("img", { src: one.thumbnail, alt: `Worst slice of ${one.id}`, loading: "lazy", decoding: "async" })
    : element("span", { class: "none", title: "no picture" }, "–"));
}

function decisionCell(one) {
  const { decision, reason } = decisionOf(one);
  return element("td", { title: reason }, decisionLabel(decision));
}

function decisionLabel(decision) {
  const word = decision || "undecided";
  return element("span", { class: decision ? `kind ${word}` : "none", "data-sign": DECISIONS[word] }, word);
}

// Its neighbors come into view, too: a reader sees what is next.
function bringIntoView(one) {
  const top = shown.indexOf(one) * HEIGHT;
  const room = scroll.clientHeight - table.tHead.offsetHeight;
  if (top - HEIGHT < scroll.scrollTop) scroll.scrollTop = top - HEIGHT;
  else if (top + 2 * HEIGHT > scroll.scrollTop + room) scroll.scrollTop = top + 2 * HEIGHT - room;
}
