"use strict";

// Buttons that copy the text before them, [data-copied]. Without https there is no clipboard, and no button.
{
  const show = () => {
    for (const button of document.querySelectorAll(".djtaskq-copy[hidden]")) {
      button.hidden = !navigator.clipboard;
    }
  };

  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("djtaskq:swapped", show);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".djtaskq-copy");
    if (!button) {
      return;
    }
    await navigator.clipboard.writeText(button.parentElement.querySelector("[data-copied]").textContent);
    const name = button.textContent;
    button.textContent = button.dataset.done;
    setTimeout(() => {
      button.textContent = name;
    }, 2000);
  });
}
