// Runs before the first paint, so that a remembered theme never flashes. Dark is the default.
(function () {
  let theme = "dark";
  try {
    theme = localStorage.getItem("mm-theme") === "light" ? "light" : "dark";
  } catch {
    // Storage may be forbidden; the default stands.
  }
  document.documentElement.dataset.theme = theme;
})();
