// The states of one execution as a table with a bar for when each ran: what the Step Functions console calls table view.

import { badge, el, keyed, put, setBadge, setTime, timeEl, write } from "./dom.js";
import { at, duration, exactly, percent, running, stateWords, took } from "./words.js";

export class Timeline {
  constructor(select) {
    const head = ["State", "Status", "When", "Started", "Duration", "Attempts"].map((text) => el("th", { scope: "col" }, text));
    this.body = el("tbody", { data: { part: "timeline" } });
    this.empty = el("p", { class: "hint" }, "No state has been entered yet.");
    this.root = el("div", { class: "timeline" }, el("table", {}, el("caption", { class: "unseen" }, "States in the order they were entered"), el("thead", {}, el("tr", {}, head)), this.body), this.empty);
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row && !String(getSelection())) select(row.dataset.state);
    });
  }

  paint(states, percents, selected, now = Date.now()) {
    const begin = Math.min(...states.map((one) => new Date(one.entered_at).getTime()));
    const end = Math.max(...states.map((one) => (one.exited_at ? new Date(one.exited_at).getTime() : now)));
    const whole = Math.max(1, end - begin);
    const rows = states.map((one, index) => ({ ...one, key: `${index} ${one.name}` }));
    keyed(this.body, rows, (one) => one.key, makeRow, (row, one) => {
      put(row, "data-inside", one.inside || null);
      const [name, status, when, started, long, attempts] = row.children;
      const ms = took(one.entered_at, one.exited_at, now);
      const done = percents.get(one.name);
      row.dataset.state = one.name;
      put(row, "data-tone", stateWords(one.status).tone);
      put(row, "aria-current", one.name === selected ? "true" : null);
      write(name.firstChild, one.name);
      setBadge(status.firstChild, stateWords(one.status));
      write(status.lastChild, Number.isFinite(done) ? percent(done) : "");
      const bar = when.firstChild.firstChild;
      bar.style.left = `${(100 * (new Date(one.entered_at).getTime() - begin)) / whole}%`;
      bar.style.width = `${(100 * ms) / whole}%`;
      setTime(started.firstChild, one.entered_at, at(one.entered_at, now), exactly(one.entered_at));
      write(long.firstChild, one.exited_at ? duration(ms) : running(ms));
      put(attempts, "data-many", one.attempts > 1);
      write(attempts.firstChild, one.attempts > 1 ? `${one.attempts} (${one.attempts - 1} failed before)` : one.attempts || 1);
    });
    this.empty.hidden = states.length > 0;
  }
}

function makeRow() {
  const cell = (label, ...inside) => el("td", { data: { label } }, ...inside);
  return el("tr", {},
    el("td", { class: "film" }, el("button", { type: "button", class: "state" })),
    cell("Status", badge(), el("small")),
    el("td", { class: "when", "aria-hidden": "true" }, el("span", { class: "lane" }, el("span", {}))),
    cell("Started", timeEl()),
    cell("Duration", el("span", { class: "number" })),
    cell("Attempts", el("span", { class: "number" })));
}
