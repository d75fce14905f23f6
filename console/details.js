// What one state took and gave: status, times, error with cause, output and input. Rebuilt only where it changed.

import { badge, el, put, setBadge, show, write } from "./dom.js";
import { copyButton, jsonTree, parsed, pretty } from "./json.js";
import { at, duration, exactly, percent, plural, running, stateWords, took } from "./words.js";

export class Details {
  constructor() {
    this.title = el("h2");
    this.badge = badge();
    this.facts = el("p", { class: "hint" });
    this.error = new Failure();
    this.output = new Value("Output");
    this.input = new Value("Input");
    this.hint = el("p", { class: "hint" }, "Choose a state in the graph or in the timeline to see what it took and gave.");
    this.root = el("section", { class: "details", "aria-label": "The chosen state", data: { part: "details" } },
      el("div", { class: "head" }, this.title, this.badge), this.facts, this.error.root, this.output.root, this.input.root, this.hint);
  }

  // name: of the chosen state, or null for the execution as a whole.
  paint(name, { states, execution_status: status, error }, percents, now = Date.now()) {
    const last = states.filter((one) => one.name === name).at(-1);
    show(this.badge, name);
    show(this.hint, !name);
    if (!name) {
      write(this.title, "Input and output");
      write(this.facts, "Of the execution as a whole.");
      this.error.paint(null);
      this.output.paint(status === "SUCCEEDED" ? states.at(-1)?.output : undefined);
      this.input.paint(states[0]?.input);
      return;
    }
    write(this.title, name);
    setBadge(this.badge, stateWords(last?.status));
    write(this.facts, last ? facts(last, percents.get(name), now) : "This execution has not entered it.");
    put(this.facts, "title", last ? exactly(last.entered_at) : null);
    this.error.paint(last, error?.message);
    this.output.paint(last?.output);
    this.input.paint(last?.input);
  }
}

function facts(one, done, now) {
  const ms = took(one.entered_at, one.exited_at, now);
  return [
    `entered ${at(one.entered_at, now)}`,
    one.exited_at ? `took ${duration(ms)}` : `for ${running(ms)} now`,
    one.attempts > 1 ? plural(one.attempts, "attempt") : "",
    Number.isFinite(done) ? percent(done) : "",
  ].filter(Boolean).join(" · ");
}

// An input or output: a tree that is built again only when the value is another one.
class Value {
  constructor(name) {
    this.text = undefined;
    this.place = el("div", {});
    this.root = el("section", { class: "value", data: { part: name.toLowerCase() }, hidden: true },
      el("div", { class: "head" }, el("h3", {}, name), copyButton(() => this.text, name.toLowerCase())), this.place);
  }

  paint(given) {
    if (given !== undefined && given === this.given) return;
    this.given = given;
    const value = parsed(given);
    const text = value === undefined || value === null ? undefined : pretty(value);
    if (text === this.text) return;
    this.text = text;
    show(this.root, text !== undefined);
    this.place.replaceChildren(...(text === undefined ? [] : [jsonTree(value)]));
  }
}

// An error's cause is our own JSON (pipeline/media/errors.py) or a service's words.
class Failure {
  constructor() {
    this.said = undefined;
    this.root = el("section", { class: "failure", data: { part: "failure" }, hidden: true });
  }

  paint(one, above) {
    const said = one?.error || one?.cause ? JSON.stringify([one.error, one.cause, above]) : undefined;
    if (said === this.said) return;
    this.said = said;
    show(this.root, said);
    this.root.replaceChildren(...(said ? explain(one, above) : []));
    put(this.root, "data-tone", one ? stateWords(one.status).tone : null);
  }
}

// above: the message that stands at the top of the page already; then the cause is for those who want it raw.
function explain({ error, cause }, above) {
  const told = causeOf(cause);
  const head = el("div", { class: "head" }, el("h3", {}, error || "Error"), copyButton(() => pretty(parsed(cause) ?? ""), "cause"));
  if (!told) return [head, el("pre", {}, typeof cause === "string" ? cause : pretty(cause ?? ""))];
  if (told.message === above) return [head, el("p", { class: "hint" }, "Told above."), el("details", { class: "evidence" }, el("summary", {}, "Cause"), jsonTree(told))];
  return [head, ...tell(told)];
}

// A Lambda function's cause is {errorMessage, errorType, ...} around our own object.
export function causeOf(cause) {
  const outer = parsed(cause);
  const inner = outer && typeof outer === "object" && "errorMessage" in outer ? parsed(outer.errorMessage) : outer;
  if (inner && typeof inner === "object" && inner.message) return inner;
  return typeof inner === "string" && inner !== cause ? { message: inner } : null;
}

// {code, message, evidence, fix} in the order people read them.
export function tell({ code, message, evidence, fix }) {
  const has = evidence && Object.keys(evidence).length;
  return [
    code && el("p", {}, el("code", {}, code)),
    el("p", { class: "said" }, message),
    fix && el("p", {}, el("strong", {}, "What to do: "), fix),
    has && el("details", { class: "evidence" }, el("summary", {}, "Evidence"), jsonTree(evidence)),
  ].filter(Boolean);
}
