// Our orders inside the venue's book: a fixed number of rows a side, the innermost next to the mid, ours always shown.

import { bps, compact, decimals, exact, number } from "./format.js";

const ROWS = 12;

export class Ladder {
  constructor(table) {
    this.table = table;
    this.mid = table.querySelector("[data-role=ladder-mid]");
    this.rows = { buy: this.build("buy"), sell: this.build("sell") };
  }

  build(side) {
    const body = table_body(this.table, side);
    const rows = [];
    for (let index = 0; index < ROWS; index++) {
      const row = body.insertRow();
      for (const name of ["own", "price", "size", "from"]) row.insertCell().className = `ladder__${name}`;
      rows.push(row);
    }
    return side === "sell" ? rows.reverse() : rows; // rows[0] is innermost on both sides
  }

  show(view) {
    const mid = view.sample.mid === null ? null : Number(view.sample.mid);
    const prices = [...view.bids, ...view.asks].map(([price]) => price).concat(view.orders.map((order) => order.price));
    const places = Math.min(12, Math.max(0, ...prices.map(decimals)));
    const sizes = Math.min(8, Math.max(0, ...view.orders.map((order) => decimals(order.size_base))));
    const largest = Math.max(1e-18, ...[...view.bids, ...view.asks].map(([, size]) => Number(size)));
    for (const side of ["buy", "sell"]) {
      const levels = merge(side === "buy" ? view.bids : view.asks, view.orders.filter((order) => order.side === side), side);
      this.rows[side].forEach((row, index) => paint(row, levels[index], { mid, places, sizes, largest }));
    }
    const text = mid === null ? "no trustworthy book" : `mid ${exact(view.sample.mid, places)} · market ${bps(view.sample.market_spread_bps)} bps`;
    if (this.mid.textContent !== text) this.mid.textContent = text;
  }
}

function table_body(table, side) {
  return table.querySelector(`tbody[data-side=${side}]`);
}

// One entry a price, innermost first. Orders of ours outside of the shown book replace its outermost rows.
function merge(book, orders, side) {
  const levels = new Map();
  for (const [price, size] of book) levels.set(Number(price), { price, size, own: 0, pending: false });
  for (const order of orders) {
    const key = Number(order.price);
    const level = levels.get(key) ?? { price: order.price, size: null, own: 0 };
    level.own += Number(order.size_base) - Number(order.filled_base);
    level.pending ||= order.status === "pending" || order.status === "cancelling" || order.status === "unknown";
    level.status = order.status;
    levels.set(key, level);
  }
  const inner = [...levels.values()].sort((a, b) => (side === "buy" ? b.price - a.price : a.price - b.price));
  if (inner.length <= ROWS) return inner;
  const shown = inner.slice(0, ROWS);
  const beyond = inner.slice(ROWS).filter((level) => level.own);
  for (let index = ROWS - 1; index >= 0 && beyond.length; index--) {
    if (!shown[index].own) shown.splice(index, 1), shown.push(beyond.shift());
  }
  shown.sort((a, b) => (side === "buy" ? b.price - a.price : a.price - b.price));
  const innerCount = inner.indexOf(shown.at(-1));
  shown.forEach((level, index) => (level.gap = index > 0 && inner.indexOf(level) - inner.indexOf(shown[index - 1]) > 1));
  return innerCount < 0 ? inner.slice(0, ROWS) : shown;
}

function paint(row, level, { mid, places, sizes, largest }) {
  const [own, price, size, from] = row.cells;
  write(own, level?.own ? number(level.own, sizes) + (level.pending ? " …" : "") : "");
  if (level?.pending) own.title = `order is ${level.status}`;
  else if (own.title) own.title = "";
  write(price, level ? exact(level.price, places) : "");
  write(size, level?.size ? compact(Number(level.size)) : "");
  write(from, level && mid ? number(Math.abs(level.price / mid - 1) * 1e4, 1) : "");
  const share = level?.size ? (Number(level.size) / largest).toFixed(3) : "0";
  if (size.style.getPropertyValue("--share") !== share) size.style.setProperty("--share", share);
  row.toggleAttribute("data-own", Boolean(level?.own));
  row.toggleAttribute("data-gap", Boolean(level?.gap));
}

function write(cell, text) {
  if (cell.textContent !== text) cell.textContent = text;
}
