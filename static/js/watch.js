// Watching one deployment: figures, ladder, depth, charts, states and the measured kill, from one WebSocket.

import { Live } from "./live.js";
import { age, bps, clockOf, compact, dateOf, decimals, exact, number, signed } from "./format.js";
import { Charts } from "./charts.js";
import { BANDS_BPS, Depth } from "./depth.js";
import { Ladder } from "./ladder.js";

const OLD_MS = 5000;

const figures = document.querySelector("[data-role=figures]");
const facts = {
  maxSpread: Number(figures?.dataset.maxSpread) || null,
  minDepth: Number(figures?.dataset.minDepth) || null,
  bandIndex: Math.max(0, BANDS_BPS.indexOf(Number(figures?.dataset.band || 200))),
  base: figures?.dataset.base,
  quote: figures?.dataset.quote,
};
const cells = new Map([...document.querySelectorAll("[data-live]")].map((cell) => [cell.dataset.live, cell]));
const records = new Map([...document.querySelectorAll("[data-record]")].map((cell) => [cell.dataset.record, cell]));
const head = document.querySelector("[data-role=head]");
const haltLine = document.querySelector("[data-role=halt]");
const widget = (name) => document.querySelector(`[data-widget=${name}]`);

const ladder = widget("ladder") && new Ladder(widget("ladder"));
const depth = widget("depth") && new Depth(widget("depth"));
const charts = widget("charts") && new Charts(widget("charts"), facts);

let view = null;
let viewAt = 0;
let painting = false;
let lease = null;
let ended = document.querySelector("[data-role=replay]")?.dataset.ended === "yes";

function write(cell, text) {
  if (cell && cell.textContent !== text) cell.textContent = text;
}

const put = (name, text) => write(cells.get(name), text);

function paint() {
  painting = false;
  const sample = view.sample;
  const places = Math.max(decimals(sample.best_bid), decimals(sample.best_ask));
  put("own_spread_bps", bps(sample.own_spread_bps));
  put("market_spread_bps", bps(sample.market_spread_bps));
  put("best", sample.best_bid === null ? "–" : `${exact(sample.best_bid, places)} · ${exact(sample.best_ask, places)}`);
  put("mid", exact(sample.mid, places));
  put("reference_price", exact(sample.reference_price, places));
  const bids = sample.own_bid_depth_quote[facts.bandIndex];
  const asks = sample.own_ask_depth_quote[facts.bandIndex];
  put("depth", bids === undefined ? "–" : `${compact(bids)} · ${compact(asks)}`);
  put("open", `${sample.open_bids} + ${sample.open_asks} orders`);
  put("position_base", signed(sample.position_base, Math.min(6, decimals(sample.position_base))));
  put("inventory_ratio", sample.inventory_ratio === null ? "–" : `${number(sample.inventory_ratio * 100, 1)} %`);
  const total = sample.unrealised_quote === null ? null : Number(sample.realised_quote) + Number(sample.unrealised_quote) - Number(sample.fees_quote);
  put("pnl", signed(total));
  put("pnl_parts", `${signed(sample.realised_quote)} realised`);
  const pnl = cells.get("pnl");
  if (pnl) pnl.title = `${signed(sample.realised_quote, 4)} realised, ${signed(sample.unrealised_quote, 4)} open at mid, ${number(sample.fees_quote, 4)} fees`;
  put("fills", number(sample.fills, 0));
  put("volume_quote", compact(sample.volume_quote));
  put("orders_sent", number(sample.orders_sent, 0));
  put("cancels_sent", number(sample.cancels_sent, 0));
  put("tick_us", `${number(sample.tick_us / 1000, 2)} ms`);
  put("tick_late_ms", `${number(sample.tick_late_ms, 1)} ms`);
  put("market_time", `market time ${clockOf(view.ts_ns)}`);
  put("replay_time", `${dateOf(view.ts_ns)} UTC`);
  spreadState(sample);
  ladder?.show(view);
  depth?.show(view);
}

function spreadState(sample) {
  const cell = cells.get("spread_state");
  if (!cell) return;
  let state = "";
  let text = sample.state === "active" ? "quoting" : sample.state;
  if (sample.quoting_reason) text = sample.quoting_reason;
  if (facts.maxSpread && sample.state === "active") {
    const met = sample.own_spread_bps !== null && Number(sample.own_spread_bps) <= facts.maxSpread;
    state = met ? "met" : "breached";
    if (!sample.quoting_reason) text = met ? `✓ within ${number(facts.maxSpread, 0)}` : sample.own_spread_bps === null ? "✕ not two-sided" : `✕ wider than ${number(facts.maxSpread, 0)}`;
  }
  if (cell.dataset.state !== state) cell.dataset.state = state;
  write(cell, text);
  cell.title = text;
}

function paintAges() {
  const now = performance.now();
  const old = view && view.sample.book_age_ms !== null ? view.sample.book_age_ms + (now - viewAt) : null;
  put("age", ended ? "ended" : old === null ? (view ? "no market data" : "not seen") : age(old));
  const isOld = !ended && (old === null || old > OLD_MS);
  cells.get("age")?.classList.toggle("age--old", isOld);
  figures?.classList.toggle("is-stale", isOld);
  widget("ladder")?.classList.toggle("is-old", isOld || ended);
  if (lease && records.has("lease")) {
    const left = lease.leftMs - (now - lease.at);
    write(records.get("lease"), left > 0 ? `held, ${age(left)} left` : lease.slot ? `ran out ${age(-left)} ago` : "nobody holds it");
    records.get("lease").classList.toggle("age--old", left <= 0 && lease.slot);
  }
}

const capital = (word) => word[0].toUpperCase() + word.slice(1);

function showRecord(record) {
  for (const name of ["wanted", "observed"]) {
    const cell = records.get(name);
    if (!cell) continue;
    if (cell.dataset.state !== record[name]) {
      cell.dataset.state = record[name];
      signal("mm:state");
      // The proof that nothing rests is history as soon as it quotes again.
      if (name === "observed" && record.observed === "active" && haltLine) haltLine.hidden = true;
    }
    write(cell, capital(record[name]));
    if (head) head.dataset[name] = record[name];
  }
  write(records.get("observed_reason"), record.observed_reason);
  write(records.get("slot"), record.slot || "–");
  write(records.get("token"), String(record.token));
  write(records.get("command"), `${record.command_done} of ${record.command} carried out`);
  write(records.get("wanted_reason"), [record.wanted_by, record.wanted_reason].filter(Boolean).join(": ") || "–");
  write(records.get("halt"), record.halt_ms === null ? "–" : `${number(record.halt_ms, 1)} ms, ${record.halt_proven ? "proven clean" : "not proven clean"}`);
  lease = { leftMs: record.lease_left_ms ?? 0, slot: Boolean(record.slot), at: performance.now() };
}

// The kill, measured where it matters: from the click in this browser to the engine's word that nothing rests.
let clicked = null;

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const verb = event.detail.elt.dataset?.control ?? (event.detail.elt.closest("#firm-kill") ? "kill" : null);
  if (verb !== "kill" && verb !== "pause") return;
  clicked = { verb, at: performance.now() };
  haltLine.hidden = false;
  haltLine.dataset.proven = "";
  haltLine.textContent = verb === "kill" ? "Kill sent. Waiting for the engine to prove that nothing rests…" : "Pause sent. Waiting for the last order to be cancelled…";
});

document.body.addEventListener("htmx:afterRequest", (event) => {
  if (clicked && event.detail.elt.closest("dialog") && !event.detail.successful) {
    clicked = null;
    haltLine.hidden = true;
  }
});

function showHalt(halt) {
  if (!haltLine) return;
  const engineMs = Number(BigInt(halt.completed_ns) - BigInt(halt.requested_ns)) / 1e6;
  const clickMs = clicked ? performance.now() - clicked.at : null;
  clicked = null;
  haltLine.hidden = false;
  haltLine.dataset.proven = halt.proven_clean ? "yes" : "no";
  haltLine.replaceChildren();
  const figure = document.createElement("strong");
  figure.textContent = clickMs === null ? `Command → nothing resting: ${number(engineMs, 1)} ms` : `Click → nothing resting: ${number(clickMs, 0)} ms`;
  figure.dataset.role = "halt-ms";
  const parts = [clickMs === null ? "" : `engine ${number(engineMs, 1)} ms`, `${halt.orders_cancelled} orders cancelled`, halt.proven_clean ? "✓ proven clean: the venue reports nothing resting" : "✕ not proven clean", halt.detail].filter(Boolean);
  haltLine.append(figure, ` · ${parts.join(" · ")}`);
}

const signal = (name) => document.body.dispatchEvent(new CustomEvent(name));

function onFrame(frame) {
  switch (frame.type) {
    case "view":
      view = frame.data;
      viewAt = performance.now();
      if (frame.kept_ms) viewAt -= frame.kept_ms;
      if (!charts?.isReplay) charts?.follow(view);
      if (!painting) {
        painting = true;
        requestAnimationFrame(paint);
      }
      break;
    case "record":
      showRecord(frame.data);
      break;
    case "fill":
      signal("mm:fill");
      break;
    case "halt":
      showHalt(frame.data);
      signal("mm:event");
      break;
    case "progress":
      showProgress(frame.data.share, frame.data.messages);
      break;
    case "recording_ended":
      ended = true;
      if (head) head.dataset.ended = "yes";
      showProgress(1, frame.data.messages);
      setTimeout(() => charts?.load(), 2000);
      showFindings(frame.data);
      signal("mm:event");
      break;
    default:
      signal("mm:event");
  }
}

function showProgress(share, messages) {
  put("replay_share", `${number(share * 100, 1)} %`);
  put("replay_messages", `${number(messages, 0)} messages`);
  document.querySelector("[data-role=replay-bar]")?.style.setProperty("--share", String(share));
}

function showFindings({ findings, problem }) {
  const found = Object.entries(findings).filter(([, count]) => count);
  const words = found.map(([name, count]) => `${number(count, 0)} ${name.replaceAll("_", " ")}`);
  put("replay_findings", [problem, words.join(", ") || "nothing wrong found in the recording"].filter(Boolean).join("; "));
}

if (document.body.dataset.livePath) {
  new Live(document.body.dataset.livePath, { onFrame });
  setInterval(paintAges, 250);
}
