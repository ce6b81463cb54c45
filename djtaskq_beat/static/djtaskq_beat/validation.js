/* Says what is wrong with the form of a periodic task while one types; saving says the same without it. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("periodictask_form");
  const texts = document.getElementById("djtaskq-validation")?.dataset;
  if (!form || !texts) {
    return;
  }

  const PAUSE = 400;
  const SCHEDULE = ["interval", "crontab", "solar", "clocked", "start_time", "expires", "one_off"];
  const touched = new Set();
  const timers = {};
  const latest = {};

  const fieldOf = (name) => name.replace(/_[01]$/, "").replace(/^regtask$/, "task");
  const boxOf = (name) => form.querySelector(`.fieldBox.field-${name}`) ?? form.querySelector(`.field-${name}`);

  function place(name, id) {
    let list = document.getElementById(id);
    if (!list) {
      list = document.createElement("ul");
      list.id = id;
      list.className = "djtaskq-typed";
      list.setAttribute("role", "status");
      boxOf(name)?.append(list);
      const input = form.elements[name];
      if (input instanceof HTMLElement) {
        input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} ${id}`.trim());
      }
    }
    return list;
  }

  function show(name, id, messages) {
    if (!messages.length && !document.getElementById(id)) {
      return;
    }
    const items = messages.map(({ level, text }) => {
      const item = document.createElement("li");
      item.className = `djtaskq-typed--${level}`;
      item.textContent = `${texts[level] ?? ""} ${text}`.trim();
      return item;
    });
    place(name, id).replaceChildren(...items);
  }

  async function ask(url) {
    const number = (latest[url] = (latest[url] ?? 0) + 1);
    const body = new FormData(form);
    body.set("djtaskq_task", texts.task);
    try {
      const response = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
      const answer = response.ok ? await response.json() : null;
      return number === latest[url] ? answer : null;
    } catch {
      return null; // saving says it
    }
  }

  async function validate() {
    const answer = await ask(texts.validate);
    if (!answer) {
      return;
    }
    const scheduled = SCHEDULE.some((name) => touched.has(name));
    const fields = { ...answer.fields };
    const whole = fields.schedule ?? [];
    delete fields.schedule;
    const shown = new Set([...touched, "args", "kwargs", "headers"]);
    for (const name of new Set([...Object.keys(fields), ...touched])) {
      const due = shown.has(name) || (scheduled && SCHEDULE.includes(name));
      show(name, `djtaskq-typed-${name}`, (due && fields[name]) || []);
    }
    const next = answer.next.length ? [{ level: "next", text: answer.next.join(" · ") }] : [];
    if (scheduled) {
      show("clocked", "djtaskq-typed-next", [...whole, ...next]);
    }
  }

  async function consumers() {
    const answer = await ask(texts.consumers);
    if (answer) {
      show("queue", "djtaskq-typed-consumers", answer.warning ? [{ level: "warning", text: answer.warning }] : []);
    }
  }

  function later(what, work) {
    clearTimeout(timers[what]);
    timers[what] = setTimeout(work, PAUSE);
  }

  function changed(event) {
    const name = event.target.name;
    if (!name || name.startsWith("run_policy-")) {
      return;
    }
    const field = fieldOf(name);
    touched.add(field);
    later("validate", validate);
    if (field === "queue" || (field === "task" && form.elements.queue)) {
      later("consumers", consumers);
    }
  }

  form.addEventListener("input", changed);
  // The searching select boxes tell jQuery alone.
  (window.django?.jQuery ?? null)?.(form).on("change", "select", changed);
});
