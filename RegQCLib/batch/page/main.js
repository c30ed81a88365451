// Puts the parts together: filters, selection, keys.

const byId = (id) => document.getElementById(id);
const dialog = byId("reject");

function refresh({ toTop = false } = {}) {
  arrange();
  if (!shown.includes(selected)) selected = shown[0] ?? null;
  forgetRows();
  if (toTop) scroll.scrollTop = 0;
  makeHead();
  drawTable();
  drawPlots();
  drawCase();
  drawCounts();
}

function drawCounts() {
  const tally = { undecided: 0, accepted: 0, rejected: 0 };
  for (const one of cases) tally[decisionOf(one).decision || "undecided"] += 1;
  const decided = cases.length - tally.undecided;
  byId("counts").textContent = `${shown.length.toLocaleString("en")} of ${cases.length.toLocaleString("en")} cases shown`;
  byId("decided").textContent = `${decided} decided: ${tally.accepted} accepted, ${tally.rejected} rejected`;
  byId("progress").value = cases.length ? decided / cases.length : 0;
  byId("save").disabled = Object.keys(made).length === 0;
  byId("save").textContent = unsaved() ? `Save ${unsaved()} decisions` : "Save decisions";
  for (const button of byId("decisions").children) button.lastChild.textContent = ` ${tally[button.dataset.name]}`;
  byId("clear").disabled = !(filter.words.length || filter.kinds.size || filter.decisions.size || Object.keys(filter.ranges).length);
}

function select(one) {
  if (!one) return;
  selected = one;
  bringIntoView(one);
  drawTable();
  drawCase();
  const { decision } = decisionOf(one);
  say(`Case ${one.id}, ${KINDS[one.kind].word}, mean error ${number(one.error_mean_mm)} mm, ${decision || "undecided"}, ${shown.indexOf(one) + 1} of ${shown.length}`);
}

function move(step) {
  const place = shown.indexOf(selected) + step;
  select(shown[Math.max(0, Math.min(shown.length - 1, place))]);
}

function nextUndecided() {
  const place = shown.indexOf(selected);
  const turned = [...shown.slice(place + 1), ...shown.slice(0, place)];
  select(turned.find((one) => !decisionOf(one).decision));
}

// Decisions are made in a person's name; after one the next case is selected.
function decideSelected(decision, reason) {
  const next = shown[shown.indexOf(selected) + 1] ?? selected;
  const one = selected;
  decide(one, decision, reason, reviewerName());
  refresh();
  select(shown.includes(next) ? next : selected);
  say(`${one.id} ${decision}`);
  if (!isKept) notify("This browser keeps nothing: save the decisions before you close the page.");
}

function reviewerName() {
  return byId("reviewer").value.trim();
}

function isReady() {
  if (selected && !reviewerName()) {
    byId("reviewer").focus();
    notify("Write your name first: decisions are made in a person's name.");
  }
  return Boolean(selected && reviewerName());
}

function accept() {
  if (isReady()) decideSelected("accepted", "");
}

function askReason() {
  if (!isReady()) return;
  byId("rejectTitle").textContent = `Reject ${selected.id}`;
  byId("reason").value = "";
  dialog.showModal();
  byId("reason").focus();
}

function reject(reason) {
  dialog.close();
  scroll.focus({ preventScroll: true }); // the next key is for the table, not for a hidden field
  decideSelected("rejected", reason);
}

function takeBack() {
  const one = undo();
  refresh();
  if (one && shown.includes(one)) select(one);
  say(one ? `${one.id}: undone` : "Nothing to undo");
}

function openReport(one) {
  if (one?.report) open(one.report, "_blank");
  else notify("No report page was written for this case.");
}

function say(text) {
  byId("live").textContent = text;
}

function notify(text) {
  byId("notice").textContent = text;
  clearTimeout(notify.timer);
  notify.timer = setTimeout(() => (byId("notice").textContent = ""), 5000);
}

function page() {
  return Math.max(1, Math.floor(scroll.clientHeight / HEIGHT) - 2);
}

const KEYS = {
  j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
  PageDown: () => move(page()), PageUp: () => move(-page()), Home: () => move(-Infinity), End: () => move(Infinity),
  a: accept, r: askReason, u: takeBack, n: nextUndecided, s: save, "/": () => byId("search").focus(),
};

addEventListener("keydown", (event) => {
  const inField = event.target.matches("input, select, textarea");
  if (inField && event.key === "Escape") event.target.blur();
  if (dialog.open || inField || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && !event.target.matches("button, a, summary")) openReport(selected);
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

// A digit chooses a usual reason while nothing is written.
byId("reason").addEventListener("keydown", (event) => {
  const chosen = data.reasons[Number(event.key) - 1];
  if (!chosen || event.target.value) return;
  event.preventDefault();
  reject(chosen);
});

dialog.addEventListener("submit", (event) => {
  event.preventDefault();
  const reason = byId("reason").value.trim();
  if (!reason) return byId("reason").focus();
  reject(reason);
});

function save() {
  if (byId("save").disabled) return;
  saveDecisions();
  drawCounts();
  notify("Saved to your downloads. Give the file to: regqc batch … --reviews FILE");
}

function toggles(place, chosen, names, label) {
  for (const name of names) {
    const button = element("button", { type: "button", "aria-pressed": "false", "data-name": name }, label(name), " ");
    button.addEventListener("click", () => {
      if (!chosen.delete(name)) chosen.add(name);
      button.setAttribute("aria-pressed", chosen.has(name));
      refresh({ toTop: true });
    });
    place.append(button);
  }
}

function clearFilters() {
  byId("search").value = "";
  Object.assign(filter, { words: [], ranges: {} });
  filter.kinds.clear();
  filter.decisions.clear();
  document.querySelectorAll("[aria-pressed]").forEach((one) => one.setAttribute("aria-pressed", "false"));
  refresh({ toTop: true });
}

function makeColumnChoice() {
  const place = byId("columns").querySelector("div");
  for (const column of COLUMNS) {
    const box = element("input", { type: "checkbox", checked: !column.off });
    box.addEventListener("change", () => {
      column.off = !box.checked;
      refresh();
    });
    place.append(element("label", {}, box, ` ${column.title}`));
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

function start() {
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  const tally = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, cases.filter((one) => one.kind === kind).length]));
  toggles(byId("kinds"), filter.kinds, Object.keys(KINDS).filter((kind) => tally[kind]), kindLabel);
  for (const button of byId("kinds").children) button.lastChild.textContent = ` ${tally[button.dataset.name]}`;
  toggles(byId("decisions"), filter.decisions, Object.keys(DECISIONS), (name) => decisionLabel(name === "undecided" ? "" : name));
  data.reasons.forEach((reason, i) => byId("reasons").append(element("button", { type: "button", onclick: () => reject(reason) }, key(i + 1), ` ${reason}`)));
  try {
    byId("reviewer").value = localStorage.getItem(REVIEWER) ?? "";
    byId("reviewer").addEventListener("change", () => localStorage.setItem(REVIEWER, reviewerName()));
  } catch {
    isKept = false;
  }
  byId("search").addEventListener("input", (event) => {
    filter.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    refresh({ toTop: true });
  });
  byId("clear").addEventListener("click", clearFilters);
  byId("save").addEventListener("click", save);
  byId("cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => scroll.focus({ preventScroll: true }));
  scroll.addEventListener("scroll", () => requestAnimationFrame(drawTable), { passive: true });
  addEventListener("resize", drawTable);
  addEventListener("beforeunload", (event) => {
    if (!isKept && unsaved()) event.preventDefault();
  });
  makeColumnChoice();
  makePlots();
  refresh();
}

start();
