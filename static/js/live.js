// One WebSocket a page: reconnects by itself, and says across the page how old the figures are while it cannot.

import { age } from "./format.js";

const LOST_AFTER_MS = 5000; // the server beats every 2 s, so silence this long means the connection is dead
const BANNER_AFTER_MS = 1500;
const ENDED = {
  4401: "Your session has ended. Sign in again to see live figures.",
  4404: "This page has no live figures for you.",
};

export class Live {
  // onFrame(frame) hears every frame except the server's own word about itself; onLink(state) hears live, lost or ended.
  constructor(path, { onFrame, onLink = () => {} }) {
    this.path = path;
    this.onFrame = onFrame;
    this.onLink = onLink;
    this.waitMs = 400;
    this.heardAt = performance.now();
    this.brokerStaleS = 0;
    this.banner = document.querySelector("[data-role=banner]");
    this.link = document.querySelector("[data-role=link]");
    this.open();
    setInterval(() => this.check(), 500);
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.retryNow());
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.socket = socket;
    this.openedAt = performance.now();
    socket.onmessage = (event) => {
      this.heardAt = performance.now();
      this.waitMs = 400;
      const frame = JSON.parse(event.data);
      if (frame.type === "server") this.brokerStaleS = frame.stale_s;
      else this.onFrame(frame);
      this.show();
    };
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      this.socket = null;
      if (ENDED[event.code]) {
        this.ended = ENDED[event.code];
        this.show();
        return;
      }
      this.timer = setTimeout(() => this.open(), this.waitMs * (0.75 + Math.random() / 2));
      this.waitMs = Math.min(5000, this.waitMs * 1.7);
    };
  }

  retryNow() {
    if (this.socket || this.ended) return;
    clearTimeout(this.timer);
    this.open();
  }

  check() {
    const socket = this.socket;
    const silentMs = performance.now() - Math.max(this.heardAt, this.openedAt);
    if (socket && silentMs > LOST_AFTER_MS) {
      this.socket = null;
      socket.onclose = socket.onmessage = null;
      socket.close();
      this.open();
    }
    this.show();
  }

  show() {
    const silentMs = performance.now() - this.heardAt;
    const connected = this.socket?.readyState === WebSocket.OPEN && silentMs < LOST_AFTER_MS;
    let text = "";
    if (this.ended) text = this.ended;
    else if (!connected && silentMs > BANNER_AFTER_MS) text = `Connection lost – figures are ${age(silentMs)} old. Reconnecting…`;
    else if (this.brokerStaleS > 0) text = `The live feed is down – figures are ${age(this.brokerStaleS * 1000)} old. It recovers by itself.`;
    const state = this.ended ? "ended" : text ? "lost" : connected ? "live" : "connecting";
    if (this.banner.textContent !== text) this.banner.textContent = text;
    this.banner.hidden = !text;
    if (state !== this.state) {
      this.state = state;
      this.link.dataset.link = state;
      this.link.textContent = state;
      document.body.classList.toggle("is-stale", state === "lost" || state === "ended");
      this.onLink(state);
    }
  }
}
