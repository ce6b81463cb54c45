"use strict";

// A button beside each text that people copy: [data-copy], and the long ones in their boxes.
document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) {
    return; // without https there is none
  }
  for (const text of document.querySelectorAll("[data-copy], .djtaskq-block")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button djtaskq-copied";
    button.textContent = gettext("Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = gettext("Copied");
    });
    text.insertAdjacentElement(text.matches("[data-copy]") ? "afterend" : "beforebegin", button);
  }
});
