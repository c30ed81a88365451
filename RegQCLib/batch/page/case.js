// The selected case: its worst slice, its numbers, everything the manifest says, and the decision.

let selected = null;
const pane = document.getElementById("case");

function drawCase() {
  if (!selected) {
    pane.replaceChildren(element("p", { class: "dim" }, "No case is shown: clear the filters."));
    return;
  }
  const one = selected;
  const { decision, reason, reviewer, time } = decisionOf(one);
  const facts = [reason, reviewer && `by ${reviewer}`, time.replace("T", " ").replace(/:\d\dZ$/, " UTC")];
  pane.replaceChildren(
    element("div", { class: "title" }, element("h2", {}, one.id), kindLabel(one.kind)),
    ...(one.reason ? [element("p", {}, one.reason)] : []),
    picture(one),
    element("div", { class: "tiles" },
      tile("Mean error", number(one.error_mean_mm), "mm"),
      tile("95th percentile", number(one.error_p95_mm), "mm"),
      tile("Probability", probability(one.probability_misaligned), ""),
      tile("Flagged slices", number(one.flagged_slices, 0), ""),
      tile("Folded", percent(one.folded_fraction), "%"),
      tile("Outlier score", one.outlier_by === "not measured" ? "–" : number(one.outlier), "")),
    element("div", { class: "buttons" },
      element("button", { type: "button", onclick: accept }, "✓ Accept ", key("a")),
      element("button", { type: "button", onclick: askReason }, "✕ Reject… ", key("r")),
      element("button", { type: "button", onclick: takeBack, disabled: history.length === 0 }, "Undo ", key("u"))),
    element("p", {}, decisionLabel(decision), ` ${facts.filter(Boolean).join(", ")}`),
    element("table", { class: "facts" }, ...factRows(one)));
}

function key(letter) {
  return element("kbd", {}, letter);
}

function picture(one) {
  const image = one.thumbnail
    ? element("img", { src: one.thumbnail, alt: `Worst slice of ${one.id}`, decoding: "async" })
    : element("p", {}, "There is no picture of this case.");
  const caption = element("p", { class: "caption" }, one.thumbnail ? "Worst slice, edges of the moved image in yellow. " : "");
  if (one.report) caption.append(element("a", { href: one.report, target: "_blank" }, "Open the whole report"));
  return element("div", {}, element("div", { class: "picture" }, image), caption);
}

function tile(name, value, unit) {
  const isKnown = value !== "–";
  return element("div", {}, element("span", {}, name), element("b", {}, isKnown ? `${value} ${unit}` : "–"));
}

function factRows(one) {
  const told = new Set(["reason", "decision_reason", "decision_time", "reviewer"]);
  return others
    .filter((name) => !told.has(name) && (one[name] ?? "") !== "")
    .map((name) => element("tr", {}, element("th", { scope: "row" }, words(name)), element("td", {}, `${one[name]}`)));
}
