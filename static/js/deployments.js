// The list of deployments: states and ages by the desk's socket; latency, rates and components asked for now and then.

import { Live } from "./live.js";
import { age, number } from "./format.js";

const WORKING_EVERY_MS = 5000;

const rows = new Map();
for (const row of document.querySelectorAll("tr[data-dep]")) {
  const cells = Object.fromEntries([...row.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell]));
  rows.set(Number(row.dataset.dep), { cells, book: null, at: 0 });
}

function state(cell, value) {
  if (cell.dataset.state === value) return;
  cell.dataset.state = value;
  cell.textContent = value[0].toUpperCase() + value.slice(1);
}

new Live(document.body.dataset.livePath, {
  onFrame(frame) {
    if (frame.type === "record") {
      const row = rows.get(frame.data.dep);
      if (!row) return;
      state(row.cells.wanted, frame.data.wanted);
      state(row.cells.observed, frame.data.observed);
      row.cells.reason.textContent = frame.data.held || frame.data.observed === "paused" ? frame.data.reason : "no engine holds it now";
    } else if (frame.type === "tiles") {
      for (const tile of frame.tiles) {
        const row = rows.get(tile.dep);
        if (row) Object.assign(row, { book: tile.book_age_ms, at: performance.now() - (tile.kept_ms ?? 0) });
      }
    }
  },
});

const table = document.querySelector("[data-working]");
const ms = (value) => number(value, value < 10 ? 2 : value < 100 ? 1 : 0);
const pair = (low, high) => (low === null || low === undefined ? "–" : `${ms(low)} · ${ms(high)}`);

function write(cell, text, { old = false, bad = false, title = "" } = {}) {
  if (cell.textContent !== text) cell.textContent = text;
  cell.classList.toggle("stale", old);
  cell.classList.toggle("age--lost", bad);
  if (cell.title !== title) cell.title = title;
}

function showWorking(cells, told) {
  const old = told.is_stale;
  const title = told.age_ms === null ? "nothing has been heard of it for an hour" : `as of ${age(told.age_ms)} ago`;
  const lease = told.lease_left_ms;
  write(cells.slot, told.slot || "–");
  write(cells.lease, lease === null ? "nobody holds it" : lease > 0 ? `held, ${age(lease)} left` : `ran out ${age(-lease)} ago`, { bad: lease !== null && lease <= 0 });
  write(cells.runs, told.runs === null ? "" : told.runs === told.revision ? "runs" : `runs r${told.runs}`, { bad: told.runs !== null && told.runs !== told.revision });
  write(cells.late, pair(told.late_p50_ms, told.late_p99_ms), { old, title });
  write(cells.answer, told.answers ? pair(told.answer_p50_ms, told.answer_p99_ms) : "–", { old, title: told.answers ? `${told.answers} answers, ${title}` : `nothing was answered within five minutes; ${title}` });
  const budget = told.orders_budget_per_min === null || told.orders_budget_per_min === undefined ? "" : ` / ${number(told.orders_budget_per_min, 0)}`;
  write(cells.rate, told.orders_per_min === null ? "–" : `${number(told.orders_per_min, 0)}${budget}`, { old, title });
  write(cells.parts, told.failed[0] ?? (told.parts || "–"), { old, bad: told.failed.length > 0, title: [...told.failed, title].join("\n") });
}

async function askWorking() {
  if (document.hidden) return;
  let answer;
  try {
    const response = await fetch(table.dataset.working);
    if (!response.ok) return; // what is shown ages by itself
    answer = await response.json();
  } catch {
    return; // the banner says that the connection is lost
  }
  for (const [pk, told] of Object.entries(answer.deployments)) {
    const row = rows.get(Number(pk));
    if (row) Object.assign(row, { told, toldAt: performance.now() });
  }
  paintWorking();
}

// A word that is not followed by another grows old on the page too.
function paintWorking() {
  for (const { cells, told, toldAt } of rows.values()) {
    if (!told) continue;
    const since = performance.now() - toldAt;
    showWorking(cells, {
      ...told,
      age_ms: told.age_ms === null ? null : told.age_ms + since,
      is_stale: told.is_stale || since > 3 * WORKING_EVERY_MS,
      lease_left_ms: since > 3 * WORKING_EVERY_MS && told.lease_left_ms !== null ? told.lease_left_ms - since : told.lease_left_ms,
    });
  }
}

if (table) {
  askWorking();
  setInterval(askWorking, WORKING_EVERY_MS);
  setInterval(paintWorking, 1000);
}

setInterval(() => {
  for (const { cells, book, at } of rows.values()) {
    const old = at && book !== null ? book + performance.now() - at : null;
    const text = old === null ? "–" : age(old);
    if (cells.age.textContent !== text) cells.age.textContent = text;
    cells.age.classList.toggle("age--old", old !== null && old > 5000);
  }
}, 500);
