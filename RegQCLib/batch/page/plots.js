// Distributions: all cases pale, those shown in the colors of their verdicts. A click, or a drag
// over several bars, shows the cases there alone; heights are square roots, so that single
// outliers can be seen beside thousands.

const BARS = 40;
const PLOTS = [
  { name: "error_mean_mm", title: "Mean error, mm" },
  { name: "error_p95_mm", title: "95th percentile of error, mm" },
  { name: "probability_misaligned", title: "Probability of misalignment", high: 1 },
];

function makePlots() {
  for (const plot of PLOTS) {
    const values = cases.map((one) => one[plot.name]).filter((v) => typeof v === "number").sort((a, b) => a - b);
    plot.high ??= niceAbove(values[Math.floor(0.995 * (values.length - 1))] ?? 1);
    plot.beyond = values.length > 0 && values[values.length - 1] > plot.high;
    plot.total = counts(plot, cases);
    plot.svg = element("div");
    plot.low = rangeInput(plot, 0, `${plot.title}: from`);
    plot.top = rangeInput(plot, 1, `${plot.title}: to`);
    const middle = values.length ? number(values[values.length >> 1], 2) : "none";
    plot.label = `Histogram of ${plot.title}: ${values.length} measured, median ${middle}, largest ${number(values.at(-1), 2)}`;
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => `${+(part * plot.high).toPrecision(3)}`);
    if (plot.beyond) ticks[4] = `≥ ${ticks[4]}`;
    document.getElementById("plots").append(
      element("figure", {},
        element("figcaption", {}, element("b", { title: "Click or drag to show the cases there; heights are square roots of counts" }, plot.title), plot.low, "to", plot.top),
        plot.svg,
        element("div", { class: "ticks", "aria-hidden": "true" }, ...ticks.map((tick) => element("span", {}, tick)))));
    plot.svg.addEventListener("pointerdown", (event) => startDrag(plot, event));
  }
}

function niceAbove(value) {
  const unit = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * unit >= value) * unit;
}

function barOf(plot, value) {
  return Math.max(0, Math.min(BARS - 1, Math.floor((value / plot.high) * BARS)));
}

function counts(plot, some) {
  const found = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, new Array(BARS).fill(0)]));
  for (const one of some) {
    if (typeof one[plot.name] === "number") found[one.kind][barOf(plot, one[plot.name])] += 1;
  }
  return found;
}

function drawPlots() {
  for (const plot of PLOTS) {
    const here = counts(plot, shown);
    const sum = (table, bar) => Object.values(table).reduce((total, row) => total + row[bar], 0);
    const most = Math.sqrt(Math.max(1, ...Array.from({ length: BARS }, (_, bar) => sum(plot.total, bar))));
    const parts = [];
    const draw = (kind, bar, from, to, title = "") => {
      const [y, end] = [100 - (100 * Math.sqrt(to)) / most, 100 - (100 * Math.sqrt(from)) / most];
      if (to > from) parts.push(`<rect class="${kind}" x="${bar + 0.06}" width="0.88" y="${y}" height="${end - y}">${title}</rect>`);
    };
    for (let bar = 0; bar < BARS; bar++) {
      draw("all", bar, 0, sum(plot.total, bar), `<title>${sum(here, bar)} of ${sum(plot.total, bar)} cases from ${number((bar * plot.high) / BARS, 2)}</title>`);
      let from = 0;
      for (const kind in KINDS) draw(kind, bar, from, (from += here[kind][bar]));
    }
    const range = filter.ranges[plot.name];
    if (range) {
      const [low, high] = range.map((value) => Math.max(0, Math.min(BARS, (value / plot.high) * BARS)));
      parts.push(`<rect class="band" x="${low}" width="${high - low}" y="0" height="100"/>`);
    }
    plot.svg.innerHTML = `<svg viewBox="0 0 ${BARS} 100" preserveAspectRatio="none" role="img" aria-label="${plot.label}">${parts.join("")}</svg>`;
    [plot.low, plot.top].forEach((input, end) => {
      const value = range?.[end];
      if (input !== document.activeElement) input.value = Number.isFinite(value) ? +value.toPrecision(4) : "";
    });
  }
}

function rangeInput(plot, end, label) {
  const setEnd = (event) => {
    const range = filter.ranges[plot.name] ?? [-Infinity, Infinity];
    range[end] = event.target.value === "" ? [-Infinity, Infinity][end] : Number(event.target.value);
    setRange(plot, range);
  };
  return element("input", { type: "number", step: "any", "aria-label": label, placeholder: ["least", "most"][end], oninput: setEnd });
}

function setRange(plot, range) {
  if (range.some(Number.isFinite)) filter.ranges[plot.name] = range;
  else delete filter.ranges[plot.name];
  refresh();
}

// The last bar has no upper end where there are values beyond it.
function startDrag(plot, start) {
  const box = plot.svg.getBoundingClientRect();
  const bar = (event) => Math.max(0, Math.min(BARS - 1, Math.floor((BARS * (event.clientX - box.left)) / box.width)));
  addEventListener("pointerup", (end) => {
    const [low, high] = [bar(start), bar(end)].sort((a, b) => a - b);
    const isLast = high === BARS - 1;
    const range = [(low * plot.high) / BARS, isLast ? Infinity : ((high + 1) * plot.high) / BARS];
    const same = filter.ranges[plot.name]?.every((value, i) => value === range[i]);
    setRange(plot, same ? [-Infinity, Infinity] : range);
  }, { once: true });
}
