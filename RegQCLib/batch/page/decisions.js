// What the reviewer decided: kept by the browser at once, one entry a case, and saved to a file.

const STORE = `regqc-review:${location.pathname}:`;
const REVIEWER = "regqc-reviewer";
const DECISIONS = { undecided: "·", accepted: "✓", rejected: "✕" };
const made = {};
const history = [];
let isKept = true;

try {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(STORE)) made[key.slice(STORE.length)] = JSON.parse(localStorage.getItem(key));
  }
} catch {
  isKept = false;
}

// Another window with the same page.
addEventListener("storage", (event) => {
  if (!event.key?.startsWith(STORE)) return;
  if (event.newValue) made[event.key.slice(STORE.length)] = JSON.parse(event.newValue);
  else delete made[event.key.slice(STORE.length)];
  refresh();
});

function now() {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

function about(one) {
  return Object.fromEntries(data.about.map((name) => [name, one[name] ?? null]));
}

// A decision counts when it is about this very result, and nothing later came with the page.
function decisionOf(one) {
  const entry = made[one.id];
  const isCurrent = entry && data.about.every((name) => entry.about[name] === (one[name] ?? null));
  if (isCurrent && !(one.decision_time > entry.time)) return entry;
  return { decision: one.decision ?? "", reason: one.decision_reason ?? "", reviewer: one.reviewer ?? "", time: one.decision_time ?? "" };
}

function keep(id, entry) {
  made[id] = entry;
  try {
    localStorage.setItem(STORE + id, JSON.stringify(entry));
  } catch {
    isKept = false;
  }
}

function decide(one, decision, reason, reviewer) {
  history.push([one, made[one.id], decisionOf(one)]);
  keep(one.id, { decision, reason, reviewer, time: now(), about: about(one), saved: false });
}

// What is in a saved file already is taken back by a later word, which counts against that file.
function undo() {
  const [one, entry, before] = history.pop() ?? [null];
  if (!one) return null;
  if (made[one.id].saved) {
    const { decision, reason, reviewer } = before;
    keep(one.id, { decision, reason, reviewer, time: now(), about: about(one), saved: false });
  } else if (entry) keep(one.id, entry);
  else forget(one.id);
  return one;
}

function forget(id) {
  delete made[id];
  if (isKept) localStorage.removeItem(STORE + id);
}

function unsaved() {
  return Object.values(made).filter((entry) => !entry.saved).length;
}

function savedText() {
  const known = Object.fromEntries(Object.entries(made).map(([id, { saved, ...entry }]) => [id, entry]));
  return `${JSON.stringify({ format: data.format, schema_version: data.schema_version, title: data.title, cases: known }, null, 1)}\n`;
}

function saveDecisions() {
  const link = element("a", {
    href: URL.createObjectURL(new Blob([savedText()], { type: "application/json" })),
    download: `regqc-decisions-${now().replace(/:/g, "").slice(0, 15)}.json`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  for (const [id, entry] of Object.entries(made)) keep(id, { ...entry, saved: true });
}
