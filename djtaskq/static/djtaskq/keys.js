"use strict";

// `/` searches, `?` helps, `r` refreshes, `g` and the letter of a page goes there.
{
  const KEPT = "djtaskq-keys"; // where it is remembered that somebody wants none: who speaks to a computer types by chance
  const PATIENCE = 1500; // milliseconds between `g` and its letter
  let goingSince = -Infinity;
  let on = true;

  const typing = (target) =>
    target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== "checkbox";

  const help = () => {
    const dialog = document.getElementById("djtaskq-keys");
    if (dialog && !dialog.open) {
      dialog.showModal();
    }
  };

  // Where a browser keeps nothing, a choice holds for the page.
  const remembered = () => {
    try {
      return localStorage.getItem(KEPT);
    } catch {
      return null;
    }
  };

  const remember = (choice) => {
    try {
      localStorage.setItem(KEPT, choice);
    } catch {
      // as above
    }
  };

  const search = () => {
    const field = document.querySelector("[data-search], #searchbar");
    const folded = field?.closest("details");
    if (folded) {
      folded.open = true; // what is folded takes no focus
    }
    field?.focus();
    field?.select();
    return Boolean(field);
  };

  const pressed = (key) => {
    if (performance.now() - goingSince < PATIENCE) {
      goingSince = -Infinity;
      const link = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
      link?.click();
      return Boolean(link);
    }
    switch (key) {
      case "g":
        goingSince = performance.now();
        return true;
      case "/":
        return search();
      case "?":
        help();
        return true;
      case "r":
        document.dispatchEvent(new CustomEvent("djtaskq:refresh"));
        return true;
      default:
        return false;
    }
  };

  document.addEventListener("keydown", (event) => {
    const elsewhere = event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
    if (!on || elsewhere || typing(event.target) || document.querySelector("dialog[open]")) {
      return;
    }
    if (pressed(event.key)) {
      event.preventDefault();
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    const here = document.querySelector(".djtaskq-navigation [aria-current]");
    if (here) {
      const list = here.closest("ul"); // on a phone it scrolls
      list.scrollLeft = here.offsetLeft - list.offsetLeft - (list.clientWidth - here.offsetWidth) / 2;
    }
    const choice = document.querySelector("[data-keys-on]");
    if (choice) {
      on = choice.checked = remembered() !== "off";
      choice.addEventListener("change", () => {
        on = choice.checked;
        remember(on ? "on" : "off");
      });
    }
    for (const button of document.querySelectorAll("[data-keys]")) {
      button.hidden = false;
      button.addEventListener("click", help);
    }
  });
}
