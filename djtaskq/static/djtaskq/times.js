"use strict";

// Keeps “3 minutes ago” true on a page that stands open, by the server's clock.
{
  const UNITS = [["year", 31_557_600], ["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

  const start = () => {
    const server = Number(document.querySelector("[data-now]")?.dataset.now) * 1000;
    const ahead = server ? server - Date.now() : 0;
    const exactly = new Intl.RelativeTimeFormat(document.documentElement.lang);
    const now = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" }).format(0, "second");

    const said = (seconds) => {
      for (const [unit, size] of UNITS) {
        if (Math.abs(seconds) >= size) {
          return exactly.format(Math.trunc(seconds / size), unit);
        }
      }
      return now;
    };

    const tick = () => {
      if (document.hidden) {
        return;
      }
      for (const time of document.querySelectorAll("time.djtaskq-time")) {
        const text = said((Date.parse(time.dateTime) - Date.now() - ahead) / 1000);
        if (time.textContent !== text) {
          time.textContent = text;
        }
      }
    };

    setInterval(tick, 1000);
    document.addEventListener("djtaskq:swapped", tick);
  };

  document.addEventListener("DOMContentLoaded", start);
}
