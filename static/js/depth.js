// Own resting notional in each band, bids growing to the left, asks to the right, with a mark at what is owed.

import { compact } from "./format.js";

export const BANDS_BPS = [50, 100, 200, 500, 1000, 2000];

export class Depth {
  constructor(element) {
    this.owed = JSON.parse(element.dataset.owed || "{}");
    this.rows = [...element.querySelectorAll("[data-band]")].map((row) => ({
      index: BANDS_BPS.indexOf(Number(row.dataset.band)),
      owed: this.owed[row.dataset.band] ?? null,
      bid: row.querySelector(".bands__bar--bid"),
      ask: row.querySelector(".bands__bar--ask"),
    }));
  }

  show({ sample }) {
    const bids = sample.own_bid_depth_quote;
    const asks = sample.own_ask_depth_quote;
    const full = Math.max(1, ...bids.map(Number), ...asks.map(Number), ...Object.values(this.owed).map(Number)) * 1.08;
    for (const row of this.rows) {
      this.bar(row.bid, bids[row.index], row.owed, full, sample.state);
      this.bar(row.ask, asks[row.index], row.owed, full, sample.state);
    }
  }

  bar(bar, depth, owed, full, state) {
    const text = depth === undefined ? "–" : compact(depth);
    const label = bar.querySelector("b");
    if (label.textContent !== text) label.textContent = text;
    bar.style.setProperty("--share", depth === undefined ? "0" : (depth / full).toFixed(3));
    bar.toggleAttribute("data-owed", owed !== null);
    if (owed !== null) bar.style.setProperty("--owed", (owed / full).toFixed(4));
    bar.toggleAttribute("data-short", owed !== null && state === "active" && Number(depth ?? 0) < Number(owed));
  }
}
