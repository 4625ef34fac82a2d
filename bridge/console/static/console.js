"use strict";
// Keys (/, j, k, Enter, g + letter, ?), dialogs, and the CSRF token on requests that htmx makes.
(() => {
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("table.rows tbody tr, ul.rows > li, ol.rows > li")]
    .filter((row) => row.getClientRects().length);
  let chord = "";

  const walk = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.classList.contains("current"));
    const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step))];
    all.forEach((row) => row.classList.toggle("current", row === next));
    (next.querySelector("a[href], button") || next).focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };

  const go = (letter) => document.querySelector(`nav a[data-letter="${CSS.escape(letter)}"]`)?.click();
  const show = (id) => { const dialog = document.getElementById(id); if (dialog && !dialog.open) dialog.showModal(); };

  const keys = {
    "/": () => document.querySelector("header input[type=search]")?.select(),
    j: () => walk(1),
    k: () => walk(-1),
    "?": () => show("keys"),
    Enter: () => document.querySelector(".current a[href]")?.click(),
    g: () => { chord = "g"; setTimeout(() => { chord = ""; }, 1500); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (chord) {
      chord = "";
      event.preventDefault();
      go(event.key);
    } else if (event.key === "Enter" && event.target.closest("a, button, summary")) {
      return;
    } else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) show(opener.dataset.opens);
    const copied = event.target.closest("[data-copies]");
    if (copied) navigator.clipboard?.writeText(document.getElementById(copied.dataset.copies).textContent);
  });

  // Choosing in a filter is asking; without a script there is its button.
  document.addEventListener("change", (event) => {
    if (event.target.closest("form[data-submits]")) event.target.form.requestSubmit();
  });

  // A button that cannot be taken back asks first, in the words the page gave it.
  document.addEventListener("submit", (event) => {
    const asks = event.submitter?.dataset.asks || event.target.dataset.asks;
    if (asks && !window.confirm(asks)) event.preventDefault();
  });

  document.addEventListener("htmx:config:request", (event) => {
    const token = document.querySelector("meta[name=csrf-token]")?.content;
    const request = event.detail.ctx.request;
    if (token && !/^(GET|HEAD)$/i.test(request.method)) request.headers["X-CSRF-Token"] = token;
  });
})();
