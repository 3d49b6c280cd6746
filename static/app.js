// Small comforts only: every page works without this file.
"use strict";

// A menu closes when you click elsewhere or press Escape; focus goes back to its button.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.user-menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.user-menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// Says something in the page's status region, where screen readers hear it.
function say(sentence) {
  const region = document.getElementById("messages");
  if (!region) return;
  const note = document.createElement("p");
  note.className = "callout callout-bad";
  note.textContent = sentence;
  region.replaceChildren(note);
}

// A whole page must never land inside a part of another one.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (/^\s*<!doctype html/i.test(event.detail.serverResponse || "")) {
    event.detail.shouldSwap = false;
    say("That could not be done here. Reload the page and try again.");
  }
});
document.addEventListener("htmx:responseError", () => say("The server could not answer. Nothing was changed. Try again."));
document.addEventListener("htmx:sendError", () => say("There is no connection. Nothing was changed. Try again."));

// What scrolls sideways can be reached and scrolled with the keyboard.
function reachable() {
  for (const wrap of document.querySelectorAll(".table-wrap, .chart-scroll, pre")) {
    if (wrap.scrollWidth <= wrap.clientWidth || wrap.hasAttribute("tabindex")) continue;
    const caption = wrap.querySelector("caption");
    wrap.tabIndex = 0;
    wrap.setAttribute("role", "region");
    wrap.setAttribute("aria-label", caption ? caption.textContent.trim() : "Scrolls sideways");
  }
}
document.addEventListener("DOMContentLoaded", reachable);
document.addEventListener("htmx:afterSettle", reachable);
addEventListener("resize", reachable);
