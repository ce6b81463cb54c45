"use strict";

// Refreshes what is marked [data-live="name"] by asking for the page again: it answers 304 where nothing has
// changed. Nothing is asked for while the tab is hidden, or while rows are ticked that would move.
{
  const KEPT = "djtaskq-live"; // where the chosen interval is remembered
  const LONGEST = 60_000; // between tries, while nothing answers
  const ANSWER = 20_000; // milliseconds that an answer may take

  let form;
  let timer;
  let tag = "";
  let underWay = false;
  let failures = 0;
  let ended = false;

  const regions = () => document.querySelectorAll("[data-live]");
  const interval = () => Number(form.elements.every.value) * 1000;
  const ticked = () => document.querySelector("[data-live] input.action-select:checked");

  const say = (what) => {
    const status = form.querySelector("[role=status]");
    const text = what ? status.dataset[what] : "";
    if (status.textContent !== text) {
      status.textContent = text; // a screen reader reads this out, so only when it differs
    }
    form.classList.toggle("djtaskq-refreshing--trouble", Boolean(what));
  };

  const plan = () => {
    clearTimeout(timer);
    if (!interval() || document.hidden || ended) {
      return;
    }
    timer = setTimeout(poll, Math.min(interval() * 2 ** failures, Math.max(LONGEST, interval())));
  };

  // Moving an element takes the focus from it; where it is gone, its region is the next best place.
  const keepFocus = (focused, region) => {
    if (!focused || focused === document.activeElement) {
      return;
    }
    if (!focused.isConnected) {
      region.tabIndex = -1;
    }
    (focused.isConnected ? focused : region).focus({ preventScroll: true });
  };

  const swap = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const old of regions()) {
      if (old.parentElement.closest("[data-live]")) {
        continue; // a part of one that is changed as a whole
      }
      const wanted = fresh.querySelector(`[data-live="${CSS.escape(old.dataset.live)}"]`);
      if (wanted) {
        const focused = old.contains(document.activeElement) ? document.activeElement : null;
        window.djtaskqMorph(old, wanted);
        keepFocus(focused, old);
      }
    }
    document.dispatchEvent(new CustomEvent("djtaskq:swapped"));
  };

  const take = async (response) => {
    if (response.redirected || response.status === 401 || response.status === 403) {
      ended = true; // a log-in page is no part of this one
      say("signedOut");
    } else if (response.status === 304) {
      failures = 0;
      say("");
    } else if (response.ok) {
      swap(await response.text());
      tag = response.headers.get("ETag") || "";
      failures = 0;
      say("");
    } else {
      failures += 1;
      say("away");
    }
  };

  const poll = async () => {
    clearTimeout(timer);
    if (underWay || ended) {
      return;
    }
    if (ticked()) {
      plan();
      return;
    }
    underWay = true;
    form.classList.add("djtaskq-refreshing--under-way");
    const headers = { "X-Djtaskq-Live": "1" };
    if (tag) {
      headers["If-None-Match"] = tag;
    }
    try {
      await take(await fetch(location.href, { headers, signal: AbortSignal.timeout(ANSWER) }));
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof DOMException)) {
        throw error; // no failure of the network, but of ours
      }
      failures += 1;
      say("away");
    } finally {
      underWay = false;
      form.classList.remove("djtaskq-refreshing--under-way");
      plan();
    }
  };

  const remembered = () => {
    try {
      return localStorage.getItem(KEPT);
    } catch {
      return null; // no storage: the choice holds for this page
    }
  };

  const remember = () => {
    try {
      localStorage.setItem(KEPT, form.elements.every.value);
    } catch {
      // as above
    }
  };

  const start = () => {
    form.hidden = false;
    const kept = remembered();
    if (kept !== null && [...form.elements.every.options].some((option) => option.value === kept)) {
      form.elements.every.value = kept;
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      poll();
    });
    form.elements.every.addEventListener("change", () => {
      remember();
      plan();
    });
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (!document.hidden && interval()) {
        poll();
      }
    });
    plan();
  };

  document.addEventListener("DOMContentLoaded", () => {
    form = document.querySelector(".djtaskq-refreshing");
    const live = form && regions().length > 0;
    if (live) {
      start();
    }
    document.addEventListener("djtaskq:refresh", () => {
      if (live) {
        poll();
      } else if (!document.querySelector("#content form fieldset")) {
        location.reload(); // but for a form: what was typed would be lost
      }
    });
  });
}
