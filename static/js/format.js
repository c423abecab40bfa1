// Numbers and times as a person reads them. Prices stay the strings the engine sent; only figures for the eye are rounded.

const DASH = "–";
const cache = new Map();

function formatter(digits, minimum = digits) {
  const key = `${digits}/${minimum}`;
  if (!cache.has(key)) {
    cache.set(key, new Intl.NumberFormat("en-GB", { minimumFractionDigits: minimum, maximumFractionDigits: digits }));
  }
  return cache.get(key);
}

export function missing(value) {
  return value === null || value === undefined || value === "" || Number.isNaN(Number(value));
}

export function number(value, digits = 2) {
  return missing(value) ? DASH : formatter(digits).format(Number(value)).replace("-", "−");
}

export function signed(value, digits = 2) {
  if (missing(value)) return DASH;
  const text = number(Math.abs(Number(value)), digits);
  if (/^[0.,]*$/.test(text)) return text;
  return (Number(value) < 0 ? "−" : "+") + text;
}

// 1,234,567 -> 1.23M: for figures whose order of magnitude is the message.
export function compact(value) {
  if (missing(value)) return DASH;
  const size = Math.abs(Number(value));
  if (size >= 1e9) return number(value / 1e9, 2) + "bn";
  if (size >= 1e6) return number(value / 1e6, 2) + "m";
  if (size >= 1e4) return number(value / 1e3, 1) + "k";
  if (size > 0 && size < 0.1) return Number(value).toPrecision(2).replace("-", "−");
  return number(value, size >= 100 ? 0 : 2);
}

// Basis points: one decimal, more only where one would show nothing.
export function bps(value) {
  if (missing(value)) return DASH;
  const size = Math.abs(Number(value));
  return number(value, size >= 1 || size === 0 ? 1 : size >= 0.1 ? 2 : size >= 0.01 ? 3 : 4);
}

// An exact decimal string without trailing zeros, thousands separated, at least `places` decimals.
export function exact(text, places = 0) {
  if (missing(text)) return DASH;
  let [whole, fraction = ""] = plain(String(text)).split(".");
  fraction = fraction.replace(/0+$/, "").padEnd(places, "0");
  const negative = whole.startsWith("-");
  whole = whole.replace("-", "").replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return (negative ? "−" : "") + whole + (fraction ? "." + fraction : "");
}

// "1E-7" and "1.5E+3" without an exponent, exactly.
function plain(text) {
  const match = /^(-?)(\d+)(?:\.(\d+))?[eE]([+-]?\d+)$/.exec(text);
  if (!match) return text;
  const [, sign, whole, fraction = "", exponent] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits + "0".repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

export function decimals(text) {
  const fraction = plain(String(text ?? "")).split(".")[1] ?? "";
  return fraction.replace(/0+$/, "").length;
}

export function age(milliseconds) {
  const seconds = milliseconds / 1000;
  if (!Number.isFinite(seconds)) return DASH;
  if (seconds < 0.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export function clockOf(nanoseconds) {
  return new Date(Number(nanoseconds) / 1e6).toISOString().slice(11, 19);
}

export function dateOf(nanoseconds) {
  return new Date(Number(nanoseconds) / 1e6).toISOString().slice(0, 19).replace("T", " ");
}
