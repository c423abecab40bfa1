// The builder: sends what is typed as one goes, one edit after the other, and draws what comes back. The server is the truth.

const root = document.querySelector(".builder");
const url = root.dataset.edit;
const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
const PAUSE_MS = 450;
const RETRY_MS = 3000;

const typed = new Map(); // key of a field → {text, was}: typed and not yet sent
const queue = []; // edits in their order; the first is under way
let timer = 0;
let retry = 0;
let held = null; // an edit that somebody else was faster than
let before = null; // the text before something was removed, for as long as that can be taken back

const byId = (id) => document.getElementById(id);
const version = () => byId("draft-state").dataset.version;
const say = (text, state) => {
  const node = document.querySelector("[data-role=saved]");
  node.textContent = text;
  node.dataset.state = state;
};

// Sending

function later(ms = PAUSE_MS) {
  clearTimeout(timer);
  timer = setTimeout(flush, ms);
  say("Saving…", "saving");
}

function flush() {
  clearTimeout(timer);
  if (typed.has("text")) {
    enqueue({ op: "text", text: typed.get("text").text });
    typed.delete("text");
  }
  if (typed.size) {
    const values = { op: "set" };
    for (const [key, { text, was }] of typed) {
      values[`f${key}`] = text;
      values[`w${key}`] = was;
    }
    typed.clear();
    enqueue(values);
  }
}

function act(values) {
  flush();
  if (values.op === "remove" || values.op === "take") values.undo = byId("yaml").value;
  enqueue(values);
}

function enqueue(values) {
  queue.push(values);
  if (queue.length === 1) send();
}

async function send() {
  const values = queue[0];
  if (!values || held) return;
  clearTimeout(retry);
  say("Saving…", "saving");
  const { undo, ...sent } = values;
  const body = new URLSearchParams({ version: version(), ...sent });
  let answer;
  try {
    answer = await fetch(url, { method: "POST", body, headers: { "X-CSRFToken": token, "X-Builder": "1" } });
  } catch {
    return again("Not saved: the server does not answer. What you typed stays here; trying again.");
  }
  if (answer.status === 409) {
    held = values;
    byId("notice").innerHTML = await answer.text();
    byId("notice").scrollIntoView({ block: "nearest" });
    return say("Not saved: somebody else saved first", "lost");
  }
  if (answer.redirected || (!answer.ok && answer.status !== 422)) {
    if (answer.status >= 500) return again(`Not saved: the server answered ${answer.status}. Trying again.`);
    queue.length = 0;
    return say("Not saved: you may not, or your session has ended. Reload and sign in again.", "lost");
  }
  const html = await answer.text();
  queue.shift();
  draw(html, values, answer.ok);
  if (undo !== undefined && answer.ok) offerUndo(undo, values.name ?? JSON.parse(values.path).at(-1));
  if (queue.length) send();
  else if (typed.size) say("Saving…", "saving");
}

function again(sentence) {
  say(sentence, "lost");
  retry = setTimeout(send, RETRY_MS);
}

// Drawing what came back: focus, caret, open parts and what was typed meanwhile stay.

function draw(html, sent, isKept) {
  const active = document.activeElement;
  const place = active && active.id ? { id: active.id, start: active.selectionStart, end: active.selectionEnd } : null;
  const open = new Set([...document.querySelectorAll(".card__more[open]")].map((node) => node.dataset.card));
  const names = new Set([...document.querySelectorAll(".card")].map((card) => card.id));
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const part of [...template.content.children]) {
    part.removeAttribute("hx-swap-oob");
    if (part.id === "yaml-area" && typed.has("text")) continue;
    const old = byId(part.id);
    if (!old) continue;
    const scroll = part.id === "yaml-area" ? old.querySelector("textarea").scrollTop : 0;
    old.replaceWith(part);
    if (scroll) part.querySelector("textarea").scrollTop = scroll;
  }
  window.htmx.process(byId("draft-state"));
  for (const node of document.querySelectorAll(".card__more")) node.open = open.has(node.dataset.card);
  for (const name of Object.keys(sent).filter((each) => each.startsWith("f["))) {
    const node = field(name.slice(1));
    if (node && isKept) node.dataset.was = sent[name];
    else if (node) node.value = sent[name]; // refused: what was typed stays where it was typed
  }
  for (const [key, { text }] of typed) {
    const node = key === "text" ? byId("yaml") : field(key);
    if (node && node.value !== text) node.value = text;
  }
  mark();
  if (isKept) document.body.dispatchEvent(new Event("mm:drafted")); // the predicted book follows
  const fresh = sent.op === "add" && [...document.querySelectorAll(".card")].find((card) => !names.has(card.id));
  if (fresh) return show(fresh, false);
  const node = place && byId(place.id);
  if (node && node !== document.activeElement) {
    node.focus({ preventScroll: true });
    if (place.start !== null && node.setSelectionRange && node.type !== "search") node.setSelectionRange(place.start, place.end);
  }
}

function offerUndo(text, name) {
  before = text;
  const flash = document.createElement("p");
  flash.className = "flash";
  flash.append(`${typeof name === "number" ? `Item ${name + 1}` : name} is taken out.`);
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Undo" });
  button.className = "button button--small";
  button.dataset.act = "undo";
  flash.append(button);
  byId("notice").replaceChildren(flash);
}

const field = (key) => [...document.querySelectorAll("[data-key]")].find((node) => node.dataset.key === key);

function mark() {
  for (const node of document.querySelectorAll("[data-problem]")) node.textContent = "";
  for (const node of document.querySelectorAll("[aria-invalid]")) node.removeAttribute("aria-invalid");
  for (const { target, text } of JSON.parse(byId("problems").dataset.marks)) {
    const slot = target && document.querySelector(`[data-problem="${CSS.escape(target)}"]`);
    if (!slot) continue;
    slot.textContent = slot.textContent ? `${slot.textContent} ${text}` : text;
    slot.closest("details")?.setAttribute("open", "");
    byId(target)?.setAttribute("aria-invalid", "true");
  }
}

function show(node, select = true) {
  node.closest("details")?.setAttribute("open", "");
  node.scrollIntoView({ block: "center" });
  const inside = node.matches(".card") ? node.querySelector("[data-key]:placeholder-shown, select[data-key]") ?? node : node;
  inside.focus({ preventScroll: true });
  if (select && inside.select) inside.select();
}

function line(number) {
  const text = byId("yaml");
  const lines = text.value.split("\n");
  const start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[number - 1] ?? "").length);
  text.scrollTop = Math.max(0, (number - 6) * parseFloat(getComputedStyle(text).lineHeight));
}

// What people do

root.addEventListener("input", (event) => {
  const node = event.target;
  if (node.id === "yaml") {
    typed.set("text", { text: node.value });
    later(700);
  } else if (node.dataset.key) {
    typed.set(node.dataset.key, { text: node.value, was: typed.get(node.dataset.key)?.was ?? node.dataset.was });
    later(node.tagName === "SELECT" ? 0 : PAUSE_MS);
  }
});

document.addEventListener("change", (event) => {
  const node = event.target;
  if (node.dataset.key || node.id === "yaml") return flush();
  const value = node.value.trim();
  switch (node.dataset.op) {
    case "rename": return value && act({ op: "rename", name: node.dataset.name, value });
    case "service": return value && act({ op: "service", value });
    case "market": return value && act({ op: "market", value });
    case "item": return value && add(node, value);
  }
});

function add(node, value) {
  const place = node.closest(".item, .row");
  act({ op: node.dataset.op, path: node.dataset.path ?? "", value, name: place.querySelector("[data-new-name]")?.value ?? "" });
}

document.addEventListener("click", (event) => {
  const goto = event.target.closest("[data-goto]");
  if (goto && byId(goto.dataset.goto)) {
    event.preventDefault();
    return show(byId(goto.dataset.goto));
  }
  const to = event.target.closest("[data-line]");
  if (to) return line(Number(to.dataset.line));
  const decision = event.target.closest("[data-act]");
  if (decision?.dataset.act === "undo") return putBack();
  if (decision) return decide(decision.dataset.act, decision.closest(".moved").dataset.version);
  const button = event.target.closest("button[data-op]");
  if (!button) return undefined;
  const { op, name, path, value } = button.dataset;
  if (op === "item" || op === "variable") return add(button, button.closest(".item, .row").querySelector("[data-new-value]").value);
  return act({ op, ...(name && { name }), ...(path && { path }), ...(value && { value }) });
});

function putBack() {
  byId("yaml").value = before;
  typed.set("text", { text: before });
  flush();
}

// Mine or theirs: what I typed is sent again on top of what I have now seen, or let go of.
function decide(choice, seen) {
  const mine = held;
  if (!mine) return act({ op: "refresh" }); // nothing was refused: what is still to be sent goes first
  held = null;
  queue.shift();
  byId("draft-state").dataset.version = seen;
  if (choice === "mine") queue.unshift({ ...mine, keep: "mine" });
  else {
    typed.clear();
    queue.unshift({ op: "refresh" });
  }
  return send();
}

// One notice at a time: news of others wait while something is to be decided.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.closest("#draft-state") && byId("notice").childElementCount) event.preventDefault();
});

root.addEventListener("keydown", (event) => {
  const node = event.target;
  if (event.key !== "Enter" || node.tagName !== "INPUT") return;
  if (node.dataset.key) {
    typed.set(node.dataset.key, { text: node.value, was: node.dataset.was });
    flush();
  } else if (node.dataset.op === "rename") node.blur();
  else if (node.dataset.newName !== undefined || node.dataset.newValue !== undefined) {
    node.closest(".item, .row").querySelector("button[data-op], select[data-op]")?.click();
  }
});

// The catalog: a filter that opens families, arrows through it, Enter inserts.

const find = byId("find");
const parts = byId("parts");

if (find) {
  const all = [...parts.querySelectorAll(".part")];
  const shown = () => all.filter((part) => !part.parentElement.hidden && part.closest("details").open);
  find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const part of all) part.parentElement.hidden = !words.every((word) => part.dataset.text.includes(word));
    for (const family of parts.querySelectorAll("details")) {
      const left = family.querySelectorAll("li:not([hidden])").length;
      family.hidden = !left;
      family.open = Boolean(words.length && left);
    }
    parts.querySelector(".parts__none").hidden = shown().length > 0 || !words.length;
  });
  find.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !find.value.trim()) return;
    event.preventDefault();
    const exact = shown().find((part) => part.dataset.value === find.value.trim());
    (exact ?? shown()[0])?.click();
    find.select();
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !(event.target === find || parts.contains(event.target))) return;
    const order = [find, ...shown()];
    order[order.indexOf(event.target) + step]?.focus();
    event.preventDefault();
  });
}

// Leaving: what is still to be sent goes out with the page.

addEventListener("pagehide", () => {
  flush();
  for (const values of queue) {
    navigator.sendBeacon(url, new URLSearchParams({ version: version(), csrfmiddlewaretoken: token, ...values }));
  }
});
addEventListener("beforeunload", (event) => {
  if (held || retryPending()) event.preventDefault();
});
const retryPending = () => document.querySelector("[data-role=saved]").dataset.state === "lost";
document.querySelector("[data-role=review]").addEventListener("click", (event) => {
  flush();
  if (!queue.length || held) return;
  event.preventDefault();
  const wait = setInterval(() => {
    if (queue.length && !held) return;
    clearInterval(wait);
    if (!held) location.href = event.target.closest("a").href;
  }, 50);
});

mark();
