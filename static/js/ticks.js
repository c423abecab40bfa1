// The last ticks in words. Ticks that say the same are one line with a count, so that a change stands out.

import { clockOf } from "./format.js";

const KEEP = 40;

export class Ticks {
  constructor(list) {
    this.list = list;
    this.last = null;
    this.lastSecond = 0;
  }

  show(view) {
    const second = Math.floor(Number(view.ts_ns) / 1e9);
    if (second === this.lastSecond) return;
    this.lastSecond = second;
    const { sample } = view;
    const main = sample.quoting_reason
      ? { kind: "reason", text: `Not quoting: ${sample.quoting_reason}` }
      : { kind: "ok", text: sample.state === "active" ? `Quoting ${sample.open_bids} bids, ${sample.open_asks} asks` : `${sample.state[0].toUpperCase()}${sample.state.slice(1)}, nothing rests` };
    if (sample.state !== "active" && sample.open_bids + sample.open_asks) main.text = `${sample.state}, ${sample.open_bids + sample.open_asks} orders still rest`;
    const lines = [main, ...view.notes.map((text) => ({ kind: "note", text }))];
    const key = lines.map((line) => line.text.replace(/[\d.,]+/g, "#")).join("|");
    if (this.last?.key === key) {
      this.last.count += 1;
      this.fill(this.last.item, second, lines, this.last.count);
      return;
    }
    this.list.querySelector(".empty")?.remove();
    const item = document.createElement("li");
    this.fill(item, second, lines, 1);
    this.list.prepend(item);
    this.last = { key, count: 1, item };
    while (this.list.children.length > KEEP) this.list.lastElementChild.remove();
  }

  fill(item, second, lines, count) {
    const time = document.createElement("time");
    time.textContent = clockOf(BigInt(second) * 1000000000n);
    const words = document.createElement("div");
    for (const { kind, text } of lines) {
      const line = document.createElement("p");
      line.dataset.kind = kind;
      line.textContent = text;
      words.append(line);
    }
    if (count > 1) {
      const times = document.createElement("span");
      times.className = "count";
      times.textContent = ` × ${count}`;
      words.firstElementChild.append(times);
    }
    item.replaceChildren(time, words);
  }
}
