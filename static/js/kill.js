// The kill console: each scope counts its deployments, from the records the desk's socket tells.

import { Live } from "./live.js";

const QUOTING = new Set(["starting", "active"]);
const STOPPED = new Set(["halted", "faulted"]);

const records = new Map();
const rows = [...document.querySelectorAll("tr[data-deps]")].map((row) => ({
  engaged: "engaged" in row.dataset,
  deps: row.dataset.deps.split(",").filter(Boolean).map(Number),
  cells: Object.fromEntries([...row.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell])),
}));
const rowsOf = new Map();
for (const row of rows) for (const dep of row.deps) rowsOf.set(dep, [...(rowsOf.get(dep) ?? []), row]);

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

new Live(document.body.dataset.livePath, {
  onFrame(frame) {
    if (frame.type !== "record") return;
    records.set(frame.data.dep, frame.data);
    rowsOf.get(frame.data.dep)?.forEach(count);
  },
});
