// The desk: the board of tiles, worst first, with its filters and the strip that sums up the fleet.

import { Board } from "./board.js";
import { age, signed } from "./format.js";
import { OLD_MS, set, style } from "./tile.js";

const ARRANGE_EVERY_MS = 2000;
const SUM_EVERY_MS = 500;
const COUNTED_AS = { starting: "paused", pausing: "active", halting: "halted" };

const list = document.querySelector("[data-role=board]");
const filters = document.querySelector("[data-role=filters]");
const role = (name) => document.querySelector(`[data-role=${name}]`);

if (list) start(new Board(list, { onKpis: ({ switches }) => showSwitches(switches) }));

function start(board) {
  const { tiles } = board;
  const fields = Object.fromEntries(["q", "client", "venue", "tag", "state"].map((name) => [name, filters.elements[name]]));
  for (const [name, value] of new URLSearchParams(location.search)) if (fields[name]) fields[name].value = value;

  // Worst first, but never while a pointer or the focus is among the tiles: nobody shall act on the wrong one.
  function sort() {
    const busy = list.matches(":hover") || list.contains(document.activeElement);
    if (busy && list.dataset.sorted) return;
    list.dataset.sorted = "yes";
    const now = performance.now();
    const ranked = [...tiles.values()].map((tile) => ({ tile, rank: tile.rank(now) }));
    ranked.sort((a, b) => a.rank - b.rank || a.tile.name.localeCompare(b.tile.name));
    ranked.forEach(({ tile }, index) => {
      if (list.children[index] !== tile.element) list.insertBefore(tile.element, list.children[index]);
    });
  }

  function matches(tile, words, now) {
    const { client, venue, tags } = tile.element.dataset;
    const state = fields.state.value;
    return (
      words.every((word) => tile.search.includes(word)) &&
      (!fields.client.value || client === fields.client.value) &&
      (!fields.venue.value || venue === fields.venue.value) &&
      (!fields.tag?.value || tags.split(" ").includes(fields.tag.value)) &&
      (!state || (state === "trouble" ? tile.rank(now) < 8 : tile.observed === state))
    );
  }

  function filter() {
    const words = fields.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const now = performance.now();
    let shown = 0;
    for (const tile of tiles.values()) {
      const visible = matches(tile, words, now);
      if (tile.element.hidden === visible) tile.element.hidden = !visible;
      shown += visible;
    }
    const text = `${shown} of ${tiles.size}`;
    const count = role("count");
    if (count.textContent !== text) count.textContent = text;
    role("nothing").hidden = shown > 0;
    list.hidden = shown === 0;
    fillLastRow(shown);
  }

  let filled = {};

  // The latest events take what the last row of tiles leaves free.
  function fillLastRow(shown) {
    if (shown === filled.shown && innerWidth === filled.width) return;
    filled = { shown, width: innerWidth };
    const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
    style(role("activity"), "--span", String(columns - (shown % columns) || columns));
  }

  // The address keeps the filters, so a view can be shared.
  function remember() {
    const chosen = Object.entries(fields).filter(([, field]) => field?.value).map(([name, field]) => [name, field.value]);
    history.replaceState(null, "", chosen.length ? `?${new URLSearchParams(chosen)}` : location.pathname);
  }

  filters.addEventListener("input", () => {
    filter();
    remember();
  });
  filters.addEventListener("submit", (event) => event.preventDefault());
  role("clear").addEventListener("click", () => {
    for (const field of Object.values(fields)) if (field) field.value = "";
    filter();
    remember();
  });
  addEventListener("resize", filter);

  // A halt that begins or ends came from a kill switch: those are read anew at once, not at the next turn.
  let halted = null;
  document.body.addEventListener("mm:changed", () => board.kpis());

  function sum() {
    const now = performance.now();
    const counts = { active: 0, paused: 0, halted: 0, faulted: 0 };
    const pnl = new Map();
    let worst = null;
    for (const tile of tiles.values()) {
      counts[COUNTED_AS[tile.observed] ?? tile.observed] += 1;
      const old = tile.ageMs(now) ?? Infinity;
      if (tile.observed === "active" && (!worst || old > worst.old)) worst = { old, name: tile.name };
      if (tile.frame && tile.frame.pnl_quote !== null) {
        const today = Number(tile.frame.pnl_quote) - Number(tile.pnlAtMidnight ?? 0);
        pnl.set(tile.quote, (pnl.get(tile.quote) ?? 0) + today);
      }
    }
    if (counts.halted !== halted && halted !== null) board.kpis();
    halted = counts.halted;
    for (const [state, value] of Object.entries(counts)) {
      const cell = fleetCell(state);
      write(cell, String(value));
      if (state === "halted" || state === "faulted") set(cell.parentElement, "alarm", value ? "on" : "");
    }
    write(fleetCell("age"), !worst ? "–" : worst.old === Infinity ? "not seen" : age(worst.old));
    fleetCell("age").classList.toggle("is-old", Boolean(worst && worst.old > OLD_MS));
    write(fleetCell("age-of"), worst && worst.old > OLD_MS ? worst.name : "");
    write(fleetCell("pnl"), [...pnl].map(([quote, value]) => `${signed(value)} ${quote}`).join(" · ") || "–");
  }

  function arrange() {
    sort();
    filter();
  }

  filter();
  setInterval(sum, SUM_EVERY_MS);
  setTimeout(arrange, 600);
  setInterval(arrange, ARRANGE_EVERY_MS);
}

function showSwitches({ engaged, firm_halted: firmHalted }) {
  write(fleetCell("switches"), String(engaged));
  const kill = role("firm-kill");
  if (!kill) return;
  kill.hidden = firmHalted;
  role("firm-halted").hidden = !firmHalted;
}

function fleetCell(name) {
  return document.querySelector(`[data-fleet="${name}"]`);
}

function write(cell, text) {
  if (cell.textContent !== text) cell.textContent = text;
}
