// The tiles of a page, fed by one socket: frames are gathered and written once a frame of the screen.

import { Live } from "./live.js";
import { readColours } from "./spark.js";
import { Tile } from "./tile.js";

const KPIS_EVERY_MS = 15000;
const AGES_EVERY_MS = 500;

export class Board {
  constructor(root, { onKpis = () => {} } = {}) {
    this.onKpis = onKpis;
    this.tiles = new Map();
    this.dirty = new Set();
    this.scheduled = false;
    for (const element of root.querySelectorAll(".tile[data-dep]")) {
      const tile = new Tile(element);
      this.tiles.set(tile.id, tile);
    }
    this.kpisUrl = root.dataset.kpis;
    const seen = new IntersectionObserver((entries) => this.onSeen(entries));
    for (const tile of this.tiles.values()) seen.observe(tile.element);
    document.addEventListener("mm:theme", () => {
      readColours();
      this.tiles.forEach((tile) => this.schedule(tile));
    });
    new Live(document.body.dataset.livePath, { onFrame: (frame) => this.onFrame(frame) });
    this.prefill(root.dataset.spreads);
    this.kpis();
    setInterval(() => this.kpis(), KPIS_EVERY_MS);
    setInterval(() => this.ages(), AGES_EVERY_MS);
  }

  onSeen(entries) {
    for (const entry of entries) {
      const tile = this.tiles.get(Number(entry.target.dataset.dep));
      tile.visible = entry.isIntersecting;
      if (!tile.visible) continue;
      this.schedule(tile);
      tile.paintAge(performance.now());
    }
  }

  onFrame(frame) {
    if (frame.type === "record") {
      const tile = this.tiles.get(frame.data.dep);
      if (!tile) return;
      tile.takeRecord(frame.data);
      this.schedule(tile);
    } else if (frame.type === "tiles") {
      for (const each of frame.tiles) {
        const tile = this.tiles.get(each.dep);
        if (!tile) continue;
        tile.take(each);
        this.schedule(tile);
      }
    }
  }

  // What is scrolled away is painted when it comes into view.
  schedule(tile) {
    if (!tile.visible) return;
    this.dirty.add(tile);
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      const now = performance.now();
      for (const each of this.dirty) each.paint(now);
      this.dirty.clear();
    });
  }

  ages() {
    const now = performance.now();
    for (const tile of this.tiles.values()) if (tile.visible) tile.paintAge(now);
  }

  async prefill(url) {
    if (!url) return;
    const response = await fetch(url);
    if (!response.ok) return;
    for (const [pk, values] of Object.entries((await response.json()).spreads)) this.tiles.get(Number(pk))?.prefill(values);
  }

  async kpis() {
    try {
      const response = await fetch(this.kpisUrl, { headers: { Accept: "application/json" } });
      if (!response.ok) return;
      const answer = await response.json();
      this.onKpis(answer);
      for (const figures of answer.deployments) this.tiles.get(figures.dep)?.kpi(figures);
      for (const [pk, value] of Object.entries(answer.pnl_at_midnight ?? {})) {
        const tile = this.tiles.get(Number(pk));
        if (tile) tile.pnlAtMidnight = value;
      }
    } catch {
      // The banner already says that the connection is lost.
    }
  }
}
