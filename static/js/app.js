// Every page: theme, clock, keyboard, dialogs, ages of server-rendered times.

import { age } from "./format.js";

const html = document.documentElement;
const GO = {
  d: "/", m: "/mandates/", s: "/strategies/", p: "/deployments/", k: "/switches/", r: "/replays/", a: "/accounts/",
  v: "/venues/", c: "/catalog/",
};

export function setTheme(theme) {
  html.dataset.theme = theme;
  try {
    localStorage.setItem("mm-theme", theme);
  } catch {
    // Not remembered where storage is forbidden.
  }
  document.dispatchEvent(new CustomEvent("mm:theme", { detail: theme }));
}

const toggleTheme = () => setTheme(html.dataset.theme === "light" ? "dark" : "light");

export function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!dialog || dialog.open) return Boolean(dialog);
  document.querySelectorAll("dialog[open]").forEach((other) => other.close());
  dialog.querySelectorAll(".problem").forEach((problem) => (problem.textContent = ""));
  dialog.showModal();
  const first = dialog.querySelector("[autofocus], input:not([type=hidden], [type=radio]), button");
  first?.focus();
  if (first?.select) first.select();
  return true;
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener && openDialog(opener.dataset.dialog)) {
    event.preventDefault();
    return;
  }
  const action = event.target.closest("[data-action]")?.dataset.action;
  if (action === "theme") toggleTheme();
  else if (action === "help") openDialog("help");
  else if (action === "dismiss") event.target.closest(".flash").remove();
  else if (action === "close") event.target.closest("dialog").close();
  else if (event.target.tagName === "DIALOG") event.target.close();
});

// Keyboard: single keys outside of fields, and `g` followed by a letter within a second.
let pendingGo = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const field = event.target.closest("input, select, textarea");
  if (field) {
    if (event.key === "Escape" && field.matches("[data-role=search]")) {
      field.value = "";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.blur();
    }
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  const go = pendingGo && performance.now() - pendingGo < 1000;
  pendingGo = 0;
  if (go && document.querySelector(`.nav a[href="${GO[event.key]}"]`)) {
    location.href = GO[event.key];
    return;
  }
  const handled = {
    "/": () => focusSearch(),
    "?": () => openDialog("help"),
    g: () => { pendingGo = performance.now(); return true; },
    t: () => { toggleTheme(); return true; },
    k: () => openDialog("kill") || openDialog("firm-kill"),
    s: () => offered("start") && openDialog("start"),
    p: () => offered("pause") && openDialog("pause"),
  }[event.key]?.();
  if (handled) event.preventDefault();
});

// A key does what its button would do, so never what the page does not offer now.
function offered(id) {
  return Boolean(document.querySelector(`[data-dialog="${id}"]`)?.checkVisibility());
}

function focusSearch() {
  const search = document.querySelector("[data-role=search]");
  search?.focus();
  search?.select();
  return Boolean(search);
}

// Tables with a filter field hide the rows that do not hold every word; data-text says more than is shown.
document.addEventListener("input", (event) => {
  if (!event.target.dataset.filter) return;
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of document.querySelectorAll(`${event.target.dataset.filter} tbody tr`)) {
    const text = row.dataset.text ?? row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
});

// A typed confirmation unlocks its button; the server checks it again.
document.addEventListener("input", (event) => {
  const wanted = event.target.dataset.confirm;
  if (!wanted) return;
  event.target.form.querySelector("[data-role=confirmed]").disabled = event.target.value.trim() !== wanted;
});

// A control that worked closes its dialog; one that was refused keeps it open with the sentence inside.
document.body.addEventListener("htmx:afterRequest", (event) => {
  const dialog = event.detail.elt.closest("dialog");
  if (!dialog) return;
  if (event.detail.successful) dialog.close();
  else if (event.detail.xhr.status !== 422) {
    const problem = dialog.querySelector(".problem");
    if (problem) problem.textContent = failure(event.detail.xhr.status);
  }
});

function failure(status) {
  if (!status) return "The server did not answer. Nothing is known to have changed; look at the observed state, then try again.";
  if (status === 403) return "You may not do this, or your session has ended. Reload the page and sign in again.";
  return `The server answered ${status}. Look at the observed state before trying again.`;
}

// On a phone the entries of the bar scroll sideways: begin where one is.
document.querySelector(".nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// What scrolls and holds nothing to focus is itself reached by the keyboard; what does not scroll is no stop on the way.
function reachable() {
  for (const node of document.querySelectorAll(".table-wrap, .panel > [hx-get], .activity__list, .told, .yaml")) {
    const scrolls = node.scrollWidth > node.clientWidth + 1 || node.scrollHeight > node.clientHeight + 1;
    if (scrolls && !node.querySelector("a, button, input, select, textarea")) node.tabIndex = 0;
    else if (!node.matches(".yaml")) node.removeAttribute("tabindex");
  }
}

reachable();
addEventListener("resize", reachable);
document.body.addEventListener("htmx:afterSettle", reachable);

const clock = document.querySelector("[data-role=clock]");

function everySecond() {
  const now = new Date();
  if (clock) clock.textContent = `${now.toISOString().slice(11, 19)} UTC`;
  for (const node of document.querySelectorAll("[data-since]")) {
    const text = age(now - Date.parse(node.dataset.since));
    if (node.textContent !== text) node.textContent = text;
  }
}

everySecond();
setInterval(everySecond, 1000);
