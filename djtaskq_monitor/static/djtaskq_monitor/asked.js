"use strict";

// Fetches what a worker answers into [data-ask-url], once the page is there; and again on demand.
{
  const LONGEST = 90_000; // milliseconds: the server has a bound of its own, this is for a lost network

  const fill = (box, html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    box.replaceChildren(...document.adoptNode(fresh.body).childNodes);
    const again = box.querySelector("[data-ask-again]");
    if (again) {
      again.hidden = false;
      again.addEventListener("click", () => ask(box));
    }
    document.dispatchEvent(new CustomEvent("djtaskq:swapped"));
  };

  const fail = (box) => {
    const said = document.createElement("p");
    said.className = "djtaskq-note";
    said.textContent = box.dataset.failed;
    const again = document.createElement("button");
    again.type = "button";
    again.className = "djtaskq-again";
    again.textContent = "↻";
    again.addEventListener("click", () => ask(box));
    said.append(" ", again);
    box.replaceChildren(said);
  };

  const ask = async (box) => {
    box.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(box.dataset.askUrl, { signal: AbortSignal.timeout(LONGEST) });
      if (response.redirected || response.status === 403) {
        location.reload(); // signed out: the page itself says so
        return;
      }
      if (response.ok) {
        fill(box, await response.text());
      } else {
        fail(box);
      }
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof DOMException)) {
        throw error; // no failure of the network, but of ours
      }
      fail(box);
    } finally {
      box.setAttribute("aria-busy", "false");
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll("[data-ask-url]")) {
      ask(box);
    }
  });
}
