// Keys for people who read many texts: every key only presses or focuses something that is on the page.
"use strict";

(() => {
  const store = "review-keys-off";
  const box = () => document.getElementById("keys-on");
  const remembered = () => {
    try { return localStorage.getItem(store) === "1"; } catch { return false; }
  };

  document.addEventListener("change", (event) => {
    if (event.target !== box()) return;
    try { localStorage.setItem(store, event.target.checked ? "0" : "1"); } catch { /* private window: this page only */ }
  });
  if (box()) box().checked = !remembered();
  const off = () => (box() ? !box().checked : remembered());

  const step = (by) => {
    const rows = [...document.querySelectorAll("[data-row]")];
    if (!rows.length) return false;
    const here = rows.indexOf(document.activeElement);
    rows[Math.max(0, Math.min(rows.length - 1, here + by))].focus();
    return true;
  };

  document.addEventListener("selectionchange", () => {
    const words = String(document.getSelection()).trim();
    const inside = document.getSelection()?.anchorNode?.parentElement?.closest(".mail-text");
    const field = document.querySelector("[data-quote]");
    if (field && inside && words && words.length <= 500) field.value = words;
  });

  document.addEventListener("keydown", (event) => {
    if (off() || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const key = event.key.toLowerCase();
    if (!/^[jkcarm]$/.test(key)) return;
    if ((key === "j" && step(1)) || (key === "k" && step(-1))) {
      event.preventDefault();
      return;
    }
    const target = document.querySelector(`[data-key="${key}"]`);
    if (!target) return;
    event.preventDefault();
    if (target.matches("textarea, select")) target.focus();
    else target.click();
  });
})();
