// The list of deployments, kept current by the desk's socket.

import { Live } from "./live.js";
import { age } from "./format.js";

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

setInterval(() => {
  for (const { cells, book, at } of rows.values()) {
    const old = at && book !== null ? book + performance.now() - at : null;
    const text = old === null ? "–" : age(old);
    if (cells.age.textContent !== text) cells.age.textContent = text;
    cells.age.classList.toggle("age--old", old !== null && old > 5000);
  }
}, 500);
