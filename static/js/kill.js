// The kill console: each scope counts its deployments, from the records the desk's socket tells.

import { Live } from "./live.js";

const QUOTING = new Set(["starting", "active"]);
const STOPPED = new Set(["halted", "faulted"]);

const records = new Map();
let rowsOf = new Map();

function scan() {
  rowsOf = new Map();
  for (const row of document.querySelectorAll("tr[data-deps]")) {
    const deps = row.dataset.deps.split(",").filter(Boolean).map(Number);
    const cells = Object.fromEntries([...row.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell]));
    const scope = { engaged: "engaged" in row.dataset, deps, cells };
    for (const dep of deps) rowsOf.set(dep, [...(rowsOf.get(dep) ?? []), scope]);
  }
  new Set([...rowsOf.values()].flat()).forEach(count);
}

function write(cell, text) {
  if (cell && cell.textContent !== text) cell.textContent = text;
}

function count({ engaged, deps, cells }) {
  const known = deps.map((dep) => records.get(dep));
  if (known.includes(undefined)) return; // the page's own figures stand until every one is heard of
  const stopped = known.filter((record) => STOPPED.has(record.observed));
  const proven = stopped.filter((record) => record.halt_proven);
  write(cells.quoting, String(known.filter((record) => QUOTING.has(record.observed)).length));
  write(cells.stopped, String(stopped.length));
  const slowest = Math.max(...proven.map((record) => record.halt_ms ?? 0));
  const took = proven.length ? `, slowest ${slowest.toFixed(0)} ms` : "";
  const toProve = engaged ? deps.length : stopped.length;
  write(cells.proof, toProve ? `${proven.length} of ${toProve} proven clean${took}` : "–");
  cells.proof.dataset.proof = !toProve ? "none" : proven.length === toProve ? "clean" : "open";
}

document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "console") return;
  scan();
  document.querySelector("#find").dispatchEvent(new Event("input", { bubbles: true }));
});

new Live(document.body.dataset.livePath, {
  onFrame(frame) {
    if (frame.type !== "record") return;
    const { dep, observed } = frame.data;
    const before = records.get(dep)?.observed;
    records.set(dep, frame.data);
    rowsOf.get(dep)?.forEach(count);
    // A halt that begins or ends came from a switch.
    if (before !== undefined && STOPPED.has(before) !== STOPPED.has(observed)) document.body.dispatchEvent(new CustomEvent("mm:changed"));
  },
});

scan();
