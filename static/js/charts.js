// History of one deployment on a shared time axis: fetched once, then carried on by the live frames. Gaps stay gaps.

const TAIL_GAP_MS = 15000;
const RELOAD_MS = 4000;

// Times of day on one line; the date only where a day begins.
const TICKS = [
  { dtickrange: [null, 60000], value: "%H:%M:%S" },
  { dtickrange: [60000, 86400000], value: "%H:%M" },
  { dtickrange: [86400000, null], value: "%d %b" },
];

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const SERIES = ["own_spread_bps", "market_spread_bps", "mid", "own_bid", "own_ask", "inventory_ratio", "pnl_quote"];

export class Charts {
  constructor(element, { maxSpread, base, quote }) {
    this.element = element;
    this.maxSpread = maxSpread;
    this.base = base;
    this.quote = quote;
    this.withPnl = element.dataset.pnl === "yes";
    this.note = document.querySelector("[data-role=chart-note]");
    this.loaded = false;
    // A replay may run faster than a point a frame: it is read again instead of followed.
    this.isReplay = element.dataset.replay === "yes";
    const chosen = document.querySelector("[data-range][aria-pressed=true]").dataset.range;
    this.minutes = chosen === "all" ? null : Number(chosen);
    if (this.isReplay) setInterval(() => document.hidden || this.load(), RELOAD_MS);
    for (const button of document.querySelectorAll("[data-range]")) button.addEventListener("click", () => this.choose(button));
    document.addEventListener("mm:theme", () => this.draw());
    new ResizeObserver(() => this.loaded && window.Plotly.Plots.resize(this.plot)).observe(element);
    this.load();
  }

  choose(chosen) {
    for (const button of document.querySelectorAll("[data-range]")) button.setAttribute("aria-pressed", String(button === chosen));
    this.minutes = chosen.dataset.range === "all" ? null : Number(chosen.dataset.range);
    this.load();
  }

  async load() {
    const asked = (this.asked = Symbol("request"));
    const query = this.minutes === null ? "minutes=all" : `minutes=${this.minutes}`;
    try {
      const response = await fetch(`${this.element.dataset.series}?${query}`);
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      const answer = await response.json();
      if (asked !== this.asked) return;
      this.stepMs = answer.step_s * 1000;
      this.data = { t: answer.t, ...Object.fromEntries(SERIES.map((name) => [name, answer.series[name] ?? answer.t.map(() => null)])) };
      this.note.textContent = answer.t.length ? `one point is ${answer.step_s >= 60 ? `${answer.step_s / 60} min` : `${answer.step_s} s`}, gaps were not observed` : "nothing recorded in this range";
      this.draw();
    } catch (error) {
      this.note.textContent = `History could not be loaded: ${error.message}.`;
    }
  }

  traces() {
    const colour = { bid: css("--bid"), ask: css("--ask"), own: css("--accent"), quiet: css("--text-3"), text: css("--text-2") };
    const line = (name, label, axis, color, extra = {}) => ({
      name: label, x: this.data.t, y: this.data[name], yaxis: axis, type: "scatter", mode: "lines",
      line: { color, width: 1.5, ...extra }, connectgaps: false, hovertemplate: `%{y}<extra>${label}</extra>`,
    });
    const traces = [
      line("market_spread_bps", "market spread", "y", colour.quiet, { width: 1 }),
      line("own_spread_bps", "own spread", "y", colour.own),
      line("own_ask", "own ask", "y2", colour.ask, { shape: "hv" }),
      line("mid", "mid", "y2", colour.text, { width: 1 }),
      line("own_bid", "own bid", "y2", colour.bid, { shape: "hv" }),
      line("inventory_ratio", "inventory", "y3", colour.own),
    ];
    if (this.withPnl) traces.push(line("pnl_quote", "PnL", "y4", colour.own));
    return traces;
  }

  layout() {
    const rows = this.withPnl
      ? { y: [0.69, 1], y2: [0.36, 0.63], y3: [0.19, 0.30], y4: [0, 0.13] }
      : { y: [0.64, 1], y2: [0.22, 0.57], y3: [0, 0.15] };
    const grid = css("--line");
    const font = { family: "Inter, sans-serif", size: 11, color: css("--text-3") };
    const axis = (domain, extra = {}) => ({ domain, gridcolor: grid, zeroline: false, side: "right", fixedrange: true, nticks: 5, tickfont: font, separatethousands: true, ...extra });
    const title = (text, y) => ({ text, x: 0, xref: "paper", xanchor: "left", y, yref: "paper", yanchor: "bottom", showarrow: false, font: { ...font, color: css("--text-2") } });
    const layout = {
      margin: { l: 12, r: 62, t: 24, b: 26 },
      height: this.element.clientWidth < 600 ? 540 : 655,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, showlegend: false,
      hovermode: "x unified", hoverlabel: { bgcolor: css("--panel-3"), bordercolor: css("--line-strong"), font: { ...font, color: css("--text") } },
      dragmode: "zoom", uirevision: String(this.minutes),
      xaxis: { type: "date", tickformatstops: TICKS, nticks: 8, gridcolor: grid, tickfont: font, anchor: this.withPnl ? "y4" : "y3", showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "dot", spikecolor: css("--line-strong"), hoverformat: "%H:%M:%S UTC" },
      yaxis: axis(rows.y, { rangemode: "tozero" }),
      yaxis2: axis(rows.y2),
      yaxis3: axis(rows.y3, { range: [0, 1], tickformat: ".0%", nticks: 3, tickvals: [0, 0.5, 1] }),
      annotations: [
        title(`<b>Spread</b>, bps: own <span style="color:${css("--accent")}">━</span> market <span style="color:${css("--text-3")}">━</span>${this.maxSpread ? `, target ≤ ${this.maxSpread}` : ""}`, rows.y[1]),
        title(`<b>Quotes</b>, ${this.quote}: own ask <span style="color:${css("--ask")}">━</span> mid <span style="color:${css("--text-2")}">━</span> own bid <span style="color:${css("--bid")}">━</span>`, rows.y2[1]),
        title(`<b>Inventory</b>, share of value in ${this.base}`, rows.y3[1]),
      ],
      shapes: [],
    };
    if (this.withPnl) {
      layout.yaxis4 = axis(rows.y4, { nticks: 3, zeroline: true, zerolinecolor: css("--line-strong") });
      layout.annotations.push(title(`<b>PnL</b> of the session, ${this.quote}`, rows.y4[1]));
    }
    if (this.maxSpread) {
      layout.shapes.push(
        { type: "rect", xref: "paper", x0: 0, x1: 1, yref: "y", y0: 0, y1: this.maxSpread, fillcolor: css("--band"), line: { width: 0 }, layer: "below" },
        { type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: this.maxSpread, y1: this.maxSpread, line: { color: css("--text-3"), width: 1, dash: "dot" } },
      );
    }
    return layout;
  }

  draw() {
    if (!this.data || !window.Plotly) return;
    if (!this.plot) {
      this.plot = document.createElement("div");
      this.element.replaceChildren(this.plot);
    }
    window.Plotly.react(this.plot, this.traces(), this.layout(), { displayModeBar: false, responsive: false, doubleClick: "reset" });
    this.loaded = true;
  }

  // One point a second from the live frames; a pause longer than a few steps leaves a hole.
  follow({ sample }) {
    if (!this.loaded || this.stepMs > 1000) return;
    const at = Math.floor(Number(sample.ts_ns) / 1e9) * 1000;
    const { t } = this.data;
    const last = t.length ? t[t.length - 1] : 0;
    if (at <= last) return;
    const push = (time, values) => {
      t.push(time);
      for (const name of SERIES) this.data[name].push(values?.[name] ?? null);
    };
    if (last && at - last > Math.max(TAIL_GAP_MS, 3 * this.stepMs)) push(last + this.stepMs, null);
    const value = (name) => (sample[name] === null || sample[name] === undefined ? null : Number(sample[name]));
    const values = Object.fromEntries(SERIES.map((name) => [name, value(name)]));
    if (sample.unrealised_quote !== null) values.pnl_quote = value("realised_quote") + value("unrealised_quote") - value("fees_quote");
    push(at, values);
    const oldest = at - this.minutes * 60000;
    while (this.minutes !== null && t.length && t[0] < oldest) {
      t.shift();
      for (const name of SERIES) this.data[name].shift();
    }
    this.redrawSoon();
  }

  redrawSoon() {
    if (this.redraw || document.hidden) return;
    this.redraw = setTimeout(() => {
      this.redraw = null;
      requestAnimationFrame(() => this.draw());
    }, 900);
  }
}
