// What pages do beyond links and forms. All but signing in by link works without it.
(() => {
  "use strict";
  const one = (selector, from = document) => from.querySelector(selector);

  // Sign in by a link: its token stands behind the # of the address, which no server sees.
  const link = one("form#link");
  if (link && /^#[\w-]{43}$/.test(location.hash)) {
    link.elements.token.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    link.hidden = false;
    if (!("ask" in link.dataset)) link.submit();
  }

  // The theme: as the system, light, dark, and so on.
  const theme = one("[data-theme-switch]");
  if (theme) {
    theme.hidden = false;
    theme.addEventListener("click", () => {
      const root = document.documentElement;
      const next = { "": "light", light: "dark", dark: "" }[root.dataset.theme ?? ""];
      if (next) root.dataset.theme = next; else delete root.dataset.theme;
      try { if (next) localStorage.setItem("theme", next); else localStorage.removeItem("theme"); } catch { /* it lasts for the page */ }
    });
  }

  // Times are in UTC; a click on one shows all in the reader's own time, and back.
  let local = false;
  try { local = localStorage.getItem("time") === "local"; } catch { /* UTC */ }
  const two = n => String(n).padStart(2, "0");
  const show = root => root.querySelectorAll("time[datetime]").forEach(t => {
    const at = new Date(t.dateTime);
    const day = local ? [at.getFullYear(), at.getMonth() + 1, at.getDate()] : [at.getUTCFullYear(), at.getUTCMonth() + 1, at.getUTCDate()];
    const clock = local ? [at.getHours(), at.getMinutes(), at.getSeconds()] : [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()];
    t.textContent = day.map(two).join("-") + " " + clock.map(two).join(":");
    t.title = t.dateTime + (local ? " (your time; click for UTC)" : " (UTC; click for your time)");
  });
  show(document);
  document.addEventListener("htmx:after:swap", () => show(document));
  document.addEventListener("click", e => {
    if (!e.target.closest || !e.target.closest("time[datetime]")) return;
    local = !local;
    try { localStorage.setItem("time", local ? "local" : "utc"); } catch { /* for this page */ }
    show(document);
  });

  // The graph of a state machine begins at the state that is shown, or at the first one.
  const canvas = one(".canvas");
  const node = canvas && (one(".node.here", canvas) || one(".node.first", canvas));
  if (node) {
    const [around, at] = [canvas.getBoundingClientRect(), node.getBoundingClientRect()];
    canvas.scrollLeft = at.left + at.width / 2 - around.left - around.width / 2;
    if (node.classList.contains("here")) canvas.scrollTop = at.top + at.height / 2 - around.top - around.height / 2;
  }

  // What may change is read anew while the page is looked at, and nobody is in the midst of it.
  const live = one("[data-live]");
  const refresh = () => {
    const busy = document.visibilityState !== "visible" || live.contains(document.activeElement) || String(getSelection()) !== "";
    if (!busy && window.htmx) htmx.ajax("GET", live.dataset.live || location.pathname + location.search, { target: live, swap: "innerHTML" });
  };
  if (live) {
    setInterval(refresh, 10_000);
    document.addEventListener("visibilitychange", refresh);
  }

  // The page of an open execution asks what comes next, and is shown anew when the server has
  // an answer, once a second at most: what is unfolded stays so. One that nobody sees asks nothing.
  if (one("[data-follow]")) htmx.config.morphIgnore.push("open");
  let [asks, status] = [false, 0];
  document.addEventListener("htmx:after:request", e => { status = e.detail.ctx.response.status; });
  const follow = async () => {
    const open = one("[data-follow]");
    if (!open || document.hidden || asks) return;
    [asks, status] = [true, 0];
    const began = Date.now();
    try { await htmx.ajax("GET", open.dataset.follow, { source: open, target: open, swap: "outerMorph" }); } catch { /* it is asked again */ }
    asks = false;
    setTimeout(follow, Math.max(0, began + (status === 200 ? 1000 : 5000) - Date.now()));
  };
  follow();
  document.addEventListener("visibilitychange", () => {
    const open = one("[data-follow]");
    if (open && document.hidden) htmx.trigger(open, "htmx:abort"); else follow();
  });

  // A history from a file is sent again for each look at it: the server keeps nothing.
  const file = one("form#open-file");
  const look = query => {
    file.elements.q.value = query;
    htmx.ajax("POST", file.action, { source: file, target: "#file", swap: "innerHTML" });
  };
  if (file) {
    file.addEventListener("submit", e => { e.preventDefault(); look(""); });
    document.addEventListener("click", e => {
      const to = e.target.closest && e.target.closest("#file a[href^='?']");
      if (!to) return;
      e.preventDefault();
      look(to.getAttribute("href").slice(1).split("#")[0]);
    });
  }

  // Keys: / finds, j and k move, Enter opens, ? lists them.
  const typing = e => e.target.closest && e.target.closest("input, textarea, select, [contenteditable]");
  const links = () => [...document.querySelectorAll("table.rows td.main a")].filter(a => a.checkVisibility());
  document.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e)) return;
    if (e.key === "?") return one("#keys").showModal();
    if (e.key === "/") {
      const find = one("[data-find]");
      if (find) { e.preventDefault(); find.focus(); find.select(); }
    }
    if (e.key === "j" || e.key === "k") {
      const all = links();
      const at = all.indexOf(document.activeElement);
      const to = all[e.key === "j" ? at + 1 : Math.max(at - 1, 0)];
      if (to) { e.preventDefault(); to.focus(); to.closest("tr").scrollIntoView({ block: "nearest" }); }
    }
  });
})();
