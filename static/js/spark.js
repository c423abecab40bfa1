// A tiny line of recent values with its target band, on a canvas: one path, no axes. Gaps stay gaps.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let colours;

export function readColours() {
  colours = { line: css("--accent"), band: css("--band"), limit: css("--text-3"), bad: css("--bad") };
}

export function drawSpark(canvas, values, limit) {
  if (!colours) readColours();
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width || !height) return;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const present = values.filter((value) => value !== null);
  if (!present.length) return;
  const top = Math.max(limit ?? 0, ...present) * 1.12 || 1;
  const y = (value) => height - 1.5 - (value / top) * (height - 3);
  if (limit) {
    context.fillStyle = colours.band;
    context.fillRect(0, y(limit), width, height - y(limit));
    context.strokeStyle = colours.limit;
    context.setLineDash([2, 3]);
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, Math.round(y(limit)) + 0.5);
    context.lineTo(width, Math.round(y(limit)) + 0.5);
    context.stroke();
    context.setLineDash([]);
  }
  const last = present[present.length - 1];
  context.strokeStyle = limit && last > limit ? colours.bad : colours.line;
  context.lineWidth = 1.4;
  context.lineJoin = "round";
  context.beginPath();
  let drawing = false;
  const step = width / (values.length - 1 || 1);
  values.forEach((value, index) => {
    if (value === null) drawing = false;
    else {
      if (drawing) context.lineTo(index * step, y(value));
      else context.moveTo(index * step, y(value));
      drawing = true;
    }
  });
  context.stroke();
}
