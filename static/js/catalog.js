// The catalog: how many are left of the filter, the keyboard on its list, and the copy button of an example.

const list = document.getElementById("catalog");
const find = document.getElementById("find");

if (list && find) {
  const rows = [...list.querySelectorAll("tbody tr")];
  const links = () => rows.filter((row) => !row.hidden).map((row) => row.querySelector("a"));
  const count = document.querySelector("[data-role=count]");

  // The document's own listener has hidden the rows by then: app.js came first.
  document.addEventListener("input", () => {
    count.textContent = `${links().length} of ${rows.length}`;
  });
  find.form.addEventListener("submit", (event) => {
    event.preventDefault();
    links()[0]?.click();
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const inside = event.target === find || list.contains(event.target);
    if (!step || !inside) return;
    const order = [find, ...links()];
    order[order.indexOf(event.target) + step]?.focus();
    event.preventDefault();
  });
}

// An example opens where its subject stands.
const own = document.querySelector(".yaml__line--own");
if (own) own.closest("pre").scrollTop = own.offsetTop - own.offsetHeight * 3;

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.querySelector(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.textContent = (await copy(source)) ? "Copied" : "Select and copy by hand";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    // No clipboard without https: mark the text, so that one key copies it.
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}
