"use strict";

// Draws <div data-chart data-chart-url="..."> with uPlot. What is brushed over becomes `since` and `until` in the
// page's URL. Colours are the style sheet's, and follow it from light to dark.
{
  const HEIGHT = 180;
  const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3]];
  const charts = new Map();

  // A canvas knows neither variables nor schemes: an element says which colour comes of them.
  const probe = document.createElement("span");
  probe.hidden = true;
  const colour = (element, name) => {
    element.append(probe);
    probe.style.color = `var(${name}, var(--body-fg))`;
    return getComputedStyle(probe).color;
  };

  const figure = (unit) => (_plot, value) =>
    value === null || value === undefined ? "–" : `${Number(value.toPrecision(4)).toLocaleString()} ${unit}`.trim();

  // A value between two gaps makes no line: it is a dot.
  const lone = (values) =>
    [...values.keys()].filter(
      (at) => values[at] !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null,
    );

  // One line below the axis, by the clock of 24 hours.
  const two = (number) => String(number).padStart(2, "0");
  const times = (_plot, places, _axis, _space, step) =>
    places.map((seconds) => {
      const at = new Date(seconds * 1000);
      const day = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
      const clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
      return step >= 86400 || clock === "00:00" ? day : clock;
    });

  const seriesOf = (element, data) =>
    data.series.map((series, number) => {
      const stroke = () => colour(element, `--djtaskq-${series.kind || "running"}`);
      return {
        label: series.label,
        stroke,
        width: 1.5,
        dash: DASHES[number % DASHES.length],
        points: { show: true, size: 5, filter: (plot, number) => lone(plot.data[number]) },
        spanGaps: false,
        value: figure(data.unit || ""),
      };
    });

  const axis = (element, more) => ({
    stroke: () => colour(element, "--body-quiet-color"),
    grid: { stroke: () => colour(element, "--hairline-color"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
    ...more,
  });

  // The page of the range that was brushed: the filters and the charts of all of it follow.
  const brushed = (plot) => {
    const { left, width } = plot.select;
    if (width < 4) {
      return;
    }
    const at = (place) => new Date(Math.round(plot.posToVal(place, "x")) * 1000).toISOString().slice(0, 19) + "Z";
    const url = new URL(location.href);
    url.searchParams.set("since", at(left));
    url.searchParams.set("until", at(left + width));
    location.assign(url);
  };

  // The legend has the latest figures while nobody points at others.
  const latest = (plot) => {
    const last = plot.data[0].length - 1;
    if (last >= 0 && (plot.legend.idx === null || plot.legend.idx === undefined)) {
      plot.setLegend({ idx: last }, false);
    }
  };

  const draw = (element, data) => {
    const holder = element.querySelector(".djtaskq-chart-drawing");
    const options = {
      width: holder.clientWidth || 300,
      height: Number(element.dataset.chartHeight) || HEIGHT,
      cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: "djtaskq" }, points: { size: 5 } },
      legend: { live: true },
      scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.05 : 1] } },
      series: [{ value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...seriesOf(element, data)],
      axes: [axis(element, { size: 28, values: times }), axis(element, { size: 52 })],
      hooks: { setSelect: [brushed], ready: [latest], setLegend: [latest] },
    };
    holder.replaceChildren();
    return new uPlot(options, [data.x, ...data.series.map((series) => series.values)], holder);
  };

  const words = (data) =>
    data.series
      .map((series) => {
        const known = series.values.filter((value) => value !== null);
        const say = figure(data.unit || "");
        return `${series.label}: ${known.length ? `${say(null, known.at(-1))}, max. ${say(null, Math.max(...known))}` : "–"}`;
      })
      .join("; ");

  const show = (element, data) => {
    const known = charts.get(element) || {};
    const shape = JSON.stringify([data.title, data.unit, data.series.map(({ label, kind }) => [label, kind])]);
    element.querySelector("figcaption").textContent = data.unit ? `${data.title} (${data.unit})` : data.title;
    element.querySelector(".djtaskq-chart-drawing").setAttribute("aria-label", `${data.title}. ${words(data)}`);
    if (known.plot && known.shape === shape) {
      known.plot.setData([data.x, ...data.series.map((series) => series.values)]);
    } else {
      known.plot?.destroy();
      known.plot = draw(element, data);
    }
    charts.set(element, { ...known, shape });
    element.removeAttribute("aria-busy");
  };

  const load = async (element) => {
    const url = element.dataset.chartUrl;
    const known = charts.get(element) || {};
    const same = known.url === url;
    charts.set(element, { ...known, url });
    const headers = same && known.tag ? { "If-None-Match": known.tag } : {};
    const response = await fetch(url, { headers });
    if (response.ok) {
      charts.get(element).tag = response.headers.get("ETag");
      show(element, await response.json());
    } else if (response.status !== 304) {
      element.setAttribute("data-failed", "");
    }
  };

  // The place of a chart is there before its figures are: nothing moves when they come.
  const prepare = (element) => {
    element.setAttribute("data-keep", "");
    element.setAttribute("aria-busy", "true");
    const figureElement = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const holder = document.createElement("div");
    holder.className = "djtaskq-chart-drawing";
    holder.setAttribute("role", "img");
    figureElement.append(caption, holder);
    element.append(figureElement);
    new ResizeObserver(() => {
      const plot = charts.get(element)?.plot;
      if (plot && Math.abs(plot.width - holder.clientWidth) > 1) {
        plot.setSize({ width: holder.clientWidth, height: plot.height });
      }
    }).observe(holder);
  };

  const all = () => {
    for (const element of document.querySelectorAll("[data-chart]")) {
      if (!charts.has(element)) {
        charts.set(element, {});
        prepare(element);
      }
      load(element).catch(() => element.setAttribute("data-failed", ""));
    }
  };

  // In other colours it is another drawing: lines, and the signs beside their names.
  const redraw = () => {
    charts.forEach((known) => {
      known.shape = known.tag = null;
    });
    all();
  };

  document.addEventListener("DOMContentLoaded", () => {
    all();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme", "class"] });
  });
  document.addEventListener("djtaskq:swapped", all);
}
