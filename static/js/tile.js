// One deployment's tile: takes frames, says how bad it is, writes only the cells that changed.

import { age, bps, compact, number, signed } from "./format.js";
import { drawSpark } from "./spark.js";

const SPARK_POINTS = 120;
export const OLD_MS = 5000;

export class Tile {
  constructor(element) {
    this.element = element;
    this.id = Number(element.dataset.dep);
    this.wanted = element.dataset.wanted;
    this.observed = element.dataset.state; // the newest word, whether by tile or by record
    this.record = null;
    this.name = element.dataset.name;
    this.quote = element.dataset.quote;
    this.maxSpread = Number(element.dataset.maxSpread) || null;
    this.minDepth = Number(element.dataset.minDepth) || null;
    this.cells = {};
    for (const cell of element.querySelectorAll("[data-cell]")) this.cells[cell.dataset.cell] = cell;
    this.spread = new Array(SPARK_POINTS).fill(null);
    this.frame = null;
    this.visible = true;
    this.search = [element.dataset.name, element.dataset.client, element.dataset.venue, element.dataset.tags, element.querySelector(".tile__pair").textContent].join(" ").toLowerCase();
  }

  take(frame) {
    this.frame = frame;
    this.receivedAt = performance.now() - (frame.kept_ms ?? 0);
    if (!frame.kept_ms) this.observed = frame.state;
    this.spread.push(frame.own_spread_bps === null ? null : Number(frame.own_spread_bps));
    if (this.spread.length > SPARK_POINTS) this.spread.shift();
  }

  takeRecord(record) {
    this.record = record;
    this.wanted = record.wanted;
    this.observed = record.observed;
  }

  // Milliseconds since the venue's book changed as far as we know; null without a book, Infinity when never heard of.
  ageMs(now) {
    if (!this.frame || this.frame.book_age_ms === null) return this.frame ? null : Infinity;
    return this.frame.book_age_ms + (now - this.receivedAt);
  }

  // Lower is worse. What a person must look at comes first, what is meant to rest comes last.
  rank(now) {
    const state = this.observed;
    if (state === "faulted") return 0;
    if (state === "halted") return 1;
    if (state !== this.wanted) return 2;
    if (state === "paused") return 9;
    const old = this.ageMs(now);
    if (old === null || old > OLD_MS) return 3;
    if (this.trouble()) return 4;
    if (this.spreadState() === "breached") return 5;
    if (this.depthState() === "breached") return 6;
    return 8;
  }

  trouble() {
    const reason = this.record?.reason || this.frame?.reason || "";
    if (this.record && !this.record.held && this.observed === "active") return "no engine holds this deployment now; one takes over within seconds";
    if (this.observed !== this.wanted) return `${this.wanted} wanted, ${this.observed} observed${reason ? `: ${reason}` : ""}`;
    if (this.observed !== "active") return reason || this.cells.reason.textContent;
    return this.frame?.quoting_reason ?? "";
  }

  spreadState() {
    if (!this.frame || this.observed !== "active" || !this.maxSpread) return "";
    if (this.frame.own_spread_bps === null) return "breached";
    return Number(this.frame.own_spread_bps) <= this.maxSpread ? "met" : "breached";
  }

  depthState() {
    if (!this.frame || this.observed !== "active" || !this.minDepth) return "";
    return Math.min(this.frame.own_bid_depth ?? 0, this.frame.own_ask_depth ?? 0) >= this.minDepth ? "met" : "breached";
  }

  text(name, value) {
    const cell = this.cells[name];
    if (cell && cell.textContent !== value) cell.textContent = value;
  }

  paint(now) {
    const { frame, element, cells } = this;
    set(cells.state, "state", this.observed);
    this.text("state", this.observed[0].toUpperCase() + this.observed.slice(1));
    const trouble = this.trouble();
    this.text("reason", trouble);
    if (cells.reason.hidden === Boolean(trouble)) cells.reason.hidden = !trouble;
    const rank = this.rank(now);
    set(element, "look", rank <= 1 ? "bad" : rank <= 6 ? "warn" : rank === 9 ? "idle" : "ok");
    set(element, "spread", this.spreadState());
    set(element, "state", this.observed);
    if (!frame) return;
    this.text("spread", bps(frame.own_spread_bps));
    this.depth("bid", frame.own_bid_depth);
    this.depth("ask", frame.own_ask_depth);
    this.text("position", frame.position_base === null ? "–" : signedCompact(frame.position_base));
    this.text("pnl", signed(frame.pnl_quote, 2));
    this.inventory(frame.inventory_ratio);
    if (this.visible) drawSpark(cells.spark, this.spread, this.maxSpread);
  }

  // The bar is full at what is owed; where nothing is, at the deeper side.
  depth(side, value) {
    const cell = this.cells[side];
    const full = this.minDepth ?? Math.max(this.frame.own_bid_depth ?? 0, this.frame.own_ask_depth ?? 0);
    const short = Boolean(this.minDepth && this.observed === "active" && (value ?? 0) < this.minDepth);
    this.text(side, value === null ? "–" : compact(value) + (short ? " ▾" : ""));
    style(cell, "--share", value === null || !full ? "0" : Math.min(1, value / full).toFixed(3));
    if (cell.hasAttribute("data-short") !== short) cell.toggleAttribute("data-short", short);
  }

  inventory(ratio) {
    const cell = this.cells.inventory;
    cell.toggleAttribute("data-unseen", ratio === null);
    if (ratio === null) return;
    style(cell, "--ratio", Math.min(1, Math.max(0, ratio)).toFixed(3));
    const label = `${number(ratio * 100, 0)} % of the account's value is ${this.element.dataset.base}`;
    if (cell.getAttribute("aria-label") !== label) {
      cell.setAttribute("aria-label", label);
      cell.title = label;
    }
  }

  paintAge(now) {
    const old = this.ageMs(now);
    const state = this.observed;
    const stale = old === null || old > OLD_MS;
    const running = state !== "paused" || this.wanted !== "paused";
    this.text("age", old === null ? "no market data" : old === Infinity ? "not seen" : `${stale && running ? "stale " : ""}${age(old)}`);
    this.cells.age.classList.toggle("age--old", running && stale);
    this.element.classList.toggle("is-old", running && stale);
  }

  // Spreads of the last two minutes, so that the line is there before it has been watched.
  prefill(values) {
    const seen = this.spread.filter((value) => value !== null);
    this.spread = [...new Array(SPARK_POINTS).fill(null), ...values, ...seen].slice(-SPARK_POINTS);
  }

  kpi(figures) {
    this.text("uptime", `${number(Math.floor(figures.share * 1e4) / 100, 2)} %${figures.holds ? "" : " ▾"}`);
    this.cells.uptime.title = `${figures.holds ? "on" : "below"} target; unobserved ${number(figures.unobserved_share * 100, 1)} % of it, counted against us`;
    set(this.cells.uptime, "holds", figures.holds ? "yes" : "no");
    const left = figures.budget_left_s;
    this.text("budget", left < 0 ? "budget spent" : `${spell(left)} of budget`);
    this.cells.budget.title = "What is left of this month's budget: time that may be missed before the obligation is broken";
    set(this.cells.budget, "budget", left < 0 ? "spent" : left < 0.25 * figures.budget_s ? "low" : "");
  }
}

function spell(seconds) {
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${number(seconds / 3600, 1)} h`;
}

export function set(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

export function style(element, name, value) {
  if (element.style.getPropertyValue(name) !== value) element.style.setProperty(name, value);
}

function signedCompact(value) {
  const text = compact(Math.abs(value));
  return Number(value) === 0 ? text : (value < 0 ? "−" : "+") + text;
}
