"use strict";

// A button at each text that people copy: what is marked [data-copy], and the longer ones in boxes.
document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) {
    return; // without https there is none
  }
  for (const text of document.querySelectorAll("[data-copy], .djtaskq-block")) {
    const boxed = !text.matches("[data-copy]");
    if (boxed && text.textContent.length < 60) {
      continue;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "djtaskq-copied";
    button.textContent = gettext("Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = gettext("Copied");
    });
    if (boxed) {
      const box = document.createElement("div");
      box.className = "djtaskq-block-with-copy";
      text.replaceWith(box);
      box.append(text, button);
    } else {
      text.after(button);
    }
  }
});
