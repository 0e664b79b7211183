// The theme, before anything is drawn: that of the system, unless somebody has chosen one.
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch { /* without storage it is the system's */ }
})();
