// The cases of the run, and which of them are shown in which order.

const data = JSON.parse(document.getElementById("data").textContent);

// Kinds of results: verdicts, and why there is none. Signs help where colors do not.
const KINDS = {
  misaligned: { word: data.verdicts.misaligned, sign: "✕" },
  aligned: { word: data.verdicts.aligned, sign: "✓" },
  cannot_tell: { word: data.verdicts.cannot_tell, sign: "?" },
  failed: { word: "failed", sign: "!" },
  done: { word: "not judged", sign: "–" },
  pending: { word: "pending", sign: "…" },
};

const cases = data.rows.map((values) => {
  const one = Object.fromEntries(data.columns.map((name, i) => [name, values[i]]));
  one.kind = one.status === "done" && one.verdict in data.verdicts ? one.verdict : one.status;
  one.text = values.filter((value) => value !== null).join("\n").toLowerCase();
  return one;
});

const filter = { words: [], kinds: new Set(), decisions: new Set(), ranges: {} };
const order = { column: "outlier", descending: true };
let shown = [];

function isShown(one) {
  if (filter.kinds.size && !filter.kinds.has(one.kind)) return false;
  if (filter.decisions.size && !filter.decisions.has(decisionOf(one).decision || "undecided")) return false;
  for (const [name, [low, high]] of Object.entries(filter.ranges)) {
    const value = one[name];
    if (typeof value !== "number" || value < low || value > high) return false;
  }
  return filter.words.every((word) => one.text.includes(word));
}

const collator = new Intl.Collator("en", { numeric: true });

// Missing values come last in either direction; ties keep the order of the manifest.
function compare(a, b) {
  const [x, y] = [sortValue(a), sortValue(b)];
  if (x === null || y === null) return (x === null) - (y === null);
  const difference = typeof x === "number" && typeof y === "number" ? x - y : collator.compare(x, y);
  return order.descending ? -difference : difference;
}

function sortValue(one) {
  const value = order.column === "decision" ? decisionOf(one).decision : one[order.column];
  return value === undefined || value === "" ? null : value;
}

function arrange() {
  shown = cases.filter(isShown).sort(compare);
}

// Numbers with the digits that matter to a reader; "–" where nothing was measured.
function number(value, digits = 1) {
  return typeof value === "number" ? value.toFixed(digits) : "–";
}

function probability(value) {
  if (value > 0.99) return "> 0.99";
  return typeof value === "number" && value < 0.01 ? "< 0.01" : number(value, 2);
}

function percent(fraction) {
  return typeof fraction === "number" ? number(100 * fraction, 2) : "–";
}

function words(name) {
  return data.own.includes(name) ? name : name.replaceAll("_", " ");
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function kindLabel(kind) {
  return element("span", { class: `kind ${kind}`, "data-sign": KINDS[kind].sign }, KINDS[kind].word);
}
