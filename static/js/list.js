// A list with a filter field: Enter opens the first row, the arrows go through those that are left.

const find = document.querySelector("[data-list]");
const list = find && document.querySelector(find.dataset.list);

if (list) {
  const links = () => [...list.querySelectorAll("tbody tr:not([hidden]) a.row-link")];
  find.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      links()[0]?.click();
      event.preventDefault();
    }
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || (event.target !== find && !list.contains(event.target))) return;
    const order = [find, ...links()];
    order[order.indexOf(event.target) + step]?.focus();
    event.preventDefault();
  });
}
