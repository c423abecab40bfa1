// The list of explained ticks: the newest is opened until somebody chooses one, then that one stays.
//
// j and J go to the older and the newer one, f follows the newest again. Not k: on this page it kills, whatever has focus.

const list = document.querySelector("[data-widget=ticks]");
const opened = document.getElementById("tick");
const follow = document.querySelector("[data-role=follow]");

let chosen = null; // the stamp that is shown; compared as text, since it is longer than a number is exact
let following = true;

const items = () => [...list.querySelectorAll("[data-newest]")];
const holds = (item, stamp) => stamp !== null && BigInt(item.dataset.oldest) <= BigInt(stamp) && BigInt(stamp) <= BigInt(item.dataset.newest);
const current = () => items().find((item) => holds(item, chosen));

function mark() {
  for (const item of items()) item.toggleAttribute("aria-current", holds(item, chosen));
  if (follow.getAttribute("aria-pressed") !== String(following)) follow.setAttribute("aria-pressed", String(following));
}

function open(item, { pin }) {
  if (!item) return;
  if (pin) following = false;
  const link = item.querySelector("a");
  htmx.ajax("GET", link.getAttribute("href"), { source: link, target: "#tick" });
}

function step(by) {
  const all = items();
  const next = all[all.indexOf(current()) + by];
  open(next, { pin: true });
  next?.querySelector("a").focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}

function newest() {
  const first = items()[0];
  if (following && first && first.dataset.newest !== chosen) open(first, { pin: false });
}

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.target === list) {
    mark();
    newest();
  } else if (event.target === opened) {
    const stamp = opened.querySelector("[data-ts]")?.dataset.ts ?? null;
    if (stamp) chosen = stamp;
    mark();
  }
});

// Whatever is opened by hand stays open, be it from the list or by the way from one tick to the next.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-widget=ticks] a, #tick .tick__nav a")) following = false;
});

follow.addEventListener("click", () => {
  following = !following;
  mark();
  newest();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea") || document.querySelector("dialog[open]")) return;
  if (event.key === "j") step(1);
  else if (event.key === "J") step(-1);
  else if (event.key === "f") follow.click();
  else return;
  event.preventDefault();
});
