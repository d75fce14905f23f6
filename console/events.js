// The event history, as Step Functions keeps it: every page is read once, and the last one again while the execution runs.

import { executionPath, get, query } from "./api.js";
import { el, keyed, put, setTime, show, timeEl, write } from "./dom.js";
import { jsonTree } from "./json.js";
import { duration, exactly, plural } from "./words.js";

const AT_ONCE = 250; // rows shown at a time: a history may have 25,000

export class Events {
  constructor(name) {
    this.name = name;
    this.events = new Map(); // id -> event
    this.token = ""; // of the last page that was read
    this.shown = AT_ONCE;
    this.state = el("select", { data: { filter: "event-state" }, on: { change: () => this.paint() } }, el("option", { value: "" }, "All states"));
    this.kind = el("select", { data: { filter: "event-kind" }, on: { change: () => this.paint() } },
      el("option", { value: "" }, "All events"), el("option", { value: "bad" }, "Errors and retries"));
    this.count = el("p", { class: "count" });
    this.body = el("tbody", { data: { part: "events" } });
    this.more = el("button", { type: "button", class: "plain", on: { click: () => { this.shown += AT_ONCE; this.paint(); } } });
    const head = ["ID", "Type", "State", "After", "Details"].map((text) => el("th", { scope: "col" }, text));
    this.root = el("div", { class: "events" },
      el("form", { class: "filters", on: { submit: (event) => event.preventDefault() } },
        el("label", {}, el("span", {}, "State"), this.state), el("label", {}, el("span", {}, "Events"), this.kind), this.count),
      el("table", {}, el("caption", { class: "unseen" }, "Event history"), el("thead", {}, el("tr", {}, head)), this.body), this.more);
  }

  // Read on from where we were. The last page is asked for again: it may have grown.
  async look(signal) {
    for (;;) {
      const asked = query({ next: this.token });
      const page = await get(executionPath(this.name, `/history${asked && `?${asked}`}`), signal);
      for (const event of page.events) this.events.set(event.id, event);
      if (!page.next) break;
      this.token = page.next;
    }
    this.paint();
  }

  // The newest state that a select box offers stays chosen while others are added.
  paint() {
    const events = [...this.events.values()].sort((one, other) => one.id - other.id);
    const begin = events.length ? new Date(events[0].at).getTime() : 0;
    const names = [...new Set(events.map((event) => event.state).filter(Boolean))];
    for (const name of names) if (![...this.state.options].some((option) => option.value === name)) this.state.append(el("option", { value: name }, name));
    const wanted = events.filter((event) => (!this.state.value || event.state === this.state.value) && (!this.kind.value || isBad(event)));
    keyed(this.body, wanted.slice(0, this.shown), (event) => event.id, makeRow, (row, event) => paintRow(row, event, begin));
    write(this.count, plural(wanted.length, "event"));
    const rest = wanted.length - this.shown;
    show(this.more, rest > 0);
    write(this.more, `Show ${Math.min(rest, AT_ONCE)} more of ${rest}`);
  }
}

const isBad = ({ type }) => /Failed|TimedOut|Aborted|Redriven|Retr/.test(type);

function makeRow(event) {
  const details = el("details", {}, el("summary", {}, summary(event)));
  const has = event.details && Object.keys(event.details).length;
  if (has) details.addEventListener("toggle", () => { if (details.open && details.childElementCount === 1) details.append(jsonTree(event.details)); });
  return el("tr", {},
    el("td", { class: "number", data: { label: "ID" } }),
    el("td", { class: "film" }, el("strong")),
    el("td", { data: { label: "State" } }, el("span")),
    el("td", { data: { label: "After" } }, timeEl()),
    el("td", { class: "wide" }, has ? details : ""));
}

// What one would look for first in an event's details, on one line.
function summary({ type, details }) {
  const { error, resource } = details || {};
  const given = /Entered|Started/.test(type) ? "Input" : /Exited|Succeeded/.test(type) ? "Output" : "Details";
  return String(error || resource || given).slice(0, 120);
}

function paintRow(row, event, begin) {
  const [id, type, state, after] = row.children;
  put(row, "data-tone", isBad(event) ? "bad" : null);
  write(id, event.id);
  write(type.firstChild, event.type);
  write(state.firstChild, event.state || "");
  setTime(after.firstChild, event.at, `+${duration(new Date(event.at).getTime() - begin)}`, exactly(event.at));
}
