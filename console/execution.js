// One execution: how it stands, its graph, timeline and events, and what may be done to it.

import { ACTIONS, act } from "./actions.js";
import { Refused, executionPath, get, query as queryOf } from "./api.js";
import { Details, causeOf, tell as tellError } from "./details.js";
import { badge, el, keyed, put, setBadge, show, write } from "./dom.js";
import { Events } from "./events.js";
import { Film } from "./film.js";
import { Graph } from "./graph.js";
import { copyButton } from "./json.js";
import { poll } from "./poll.js";
import { Timeline } from "./timeline.js";
import { ago, asSentence, at, duration, exactly, executionWords, money, pathOf, percent, running, statusWords, took } from "./words.js";

const ENDED_MS = 10_000; // an execution that has ended can still be retried by somebody else
const VIEWS = [["graph", "Graph"], ["timeline", "Timeline"], ["events", "Events"]];
const LINKS = [["player", "Watch"], ["preview", "Preview"], ["asset_json", "asset.json"], ["receipt", "Receipt"], ["aws_console", "AWS console"]];

export function openExecution(root, app, first) {
  const name = first.get("execution");
  let query = first;
  let seen = null; // the last answer
  const select = (state) => {
    app.replace(address({ state }));
    const { top } = details.root.getBoundingClientRect();
    if (top > innerHeight - 80) details.root.scrollIntoView({ block: "start" }); // on a phone it is below
  };
  const graph = new Graph(select);
  const timeline = new Timeline(select);
  const events = new Events(name);
  const details = new Details();
  const head = new Head(name, app, () => looking.now());
  const missing = el("div", { class: "empty", hidden: true }, el("h2", {}, "There is no such execution"), el("p"));
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "Views of this execution" }, VIEWS.map(([view, word]) =>
    el("button", { type: "button", role: "tab", id: `tab-${view}`, "aria-controls": "panel", data: { view }, on: { click: () => app.replace(address({ view })) } }, word)));
  const panel = el("div", { class: "panel", id: "panel", role: "tabpanel" });
  const below = el("div", { class: "below", hidden: true }, el("div", { class: "views" }, tabs, panel), details.root);
  root.append(el("div", { class: "execution", data: { part: "execution" } }, head.root, missing, below));
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (VIEWS.findIndex(([view]) => view === shownView()) + step + VIEWS.length) % VIEWS.length;
    app.replace(address({ view: VIEWS[next][0] }));
    tabs.children[next].focus();
    event.preventDefault();
  });

  // The address of this execution with something changed; the graph is what is shown unless said otherwise.
  function address(changed) {
    const now = { view: query.get("view"), state: query.get("state"), ...changed };
    return `/?${queryOf({ execution: name, view: now.view === "graph" ? "" : now.view, state: now.state })}`;
  }

  function shownView() {
    const asked = query.get("view");
    return VIEWS.some(([view]) => view === asked) ? asked : "graph";
  }

  // What the details are of: what was chosen, else what went wrong, else nothing.
  function chosen() {
    if (query.get("state")) return query.get("state");
    const wrong = seen?.states.filter((one) => ["failed", "caught"].includes(one.status)).at(-1);
    return wrong?.name || null;
  }

  async function look(signal) {
    let found;
    try {
      if (!graph.svg) graph.load((await get(`/api/graph?${queryOf({ execution: name })}`, signal)).svg);
      found = await get(executionPath(name), signal);
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 404) throw error;
      return gone(error.message);
    }
    if (shownView() === "events") await events.look(signal);
    app.trouble("connection", null);
    const began = !seen;
    seen = found === seen?.told ? seen : read(found);
    paint();
    if (began) graph.reveal(chosen() || seen.states.filter((one) => one.status === "running").at(-1)?.name);
    return seen.stopped_at ? ENDED_MS : 0;
  }

  function gone(message) {
    app.trouble("connection", null);
    show(missing, true);
    show(below, false);
    write(missing.lastChild, `${message} Step Functions forgets executions 90 days after they have ended.`);
    return ENDED_MS;
  }

  function paint() {
    if (!seen) return;
    const view = shownView();
    const percents = percentsOf(seen);
    show(missing, false);
    show(below, true);
    head.paint(seen);
    for (const tab of tabs.children) {
      put(tab, "aria-selected", tab.dataset.view === view ? "true" : "false");
      put(tab, "tabindex", tab.dataset.view === view ? "0" : "-1");
    }
    put(panel, "aria-labelledby", `tab-${view}`);
    put(below, "data-view", view);
    const shown = { graph, timeline, events }[view].root;
    if (panel.firstChild !== shown) panel.replaceChildren(shown);
    if (view === "graph") graph.paint(seen.states, percents, chosen());
    if (view === "timeline") timeline.paint(seen.states, percents, chosen());
    show(details.root, view !== "events");
    if (view !== "events") details.paint(chosen(), seen, percents);
    app.title(`${wordsOf(seen).word}${seen.percent && seen.execution_status === "RUNNING" ? ` ${percent(seen.percent)}` : ""} · ${seen.title || name}`);
  }

  const looking = poll(look, app.failed);
  return {
    placed: paint,
    route(asked) {
      const view = shownView();
      query = asked;
      paint();
      if (shownView() !== view) looking.now();
    },
    close() {
      looking.stop();
      graph.close();
    },
  };
}

// The answer as it is shown: what an execution that has ended never left ended with it, and what holds it is waiting.
function read(found) {
  const over = found.execution_status !== "RUNNING" ? found.stopped_at : null;
  const states = found.states.map((one) => ({
    ...one,
    exited_at: one.exited_at || over,
    status: found.waits && one.status === "running" && /^Hold /.test(one.name) ? "waiting" : one.status,
  }));
  return { ...found, states, told: found };
}

// An earlier revision has no status of its own any more: Step Functions' word stands for it.
function wordsOf(one) {
  return one.status ? statusWords(one.status) : { means: "How its execution ended", ...executionWords(one.execution_status) };
}

// A job's role is the second word of the state that waits for it: "streams" -> "Transcode streams".
function percentsOf({ jobs, states }) {
  const busy = new Set(states.filter((one) => one.status === "running").map((one) => one.name));
  const shown = (jobs || []).map((job) => [`Transcode ${job.role}`, job.percent]);
  return new Map(shown.filter(([name, done]) => busy.has(name) && Number.isFinite(done)));
}

class Head {
  constructor(name, app, changed) {
    this.name = name;
    this.app = app;
    this.changed = changed;
    this.back = el("a", { href: "/", class: "back", data: { inside: "" } }, "‹ Executions");
    this.title = el("h1", {}, name);
    this.badge = badge();
    this.newer = el("p", { class: "hint", data: { part: "newer" }, hidden: true }, "This is an earlier revision. ", el("a", { data: { inside: "" } }, "See the newest."));
    this.actions = el("div", { class: "actions", data: { part: "actions" } }, Object.entries(ACTIONS).map(([action, { label, primary }]) =>
      el("button", { type: "button", class: primary ? "primary" : "plain", data: { action }, hidden: true, on: { click: () => this.act(action) } }, label)));
    this.links = el("nav", { class: "links", "aria-label": "Links", data: { part: "links" } }, LINKS.map(([kind, word]) =>
      el("a", { data: { link: kind }, target: "_blank", rel: "noopener noreferrer", hidden: true }, word)));
    this.facts = el("dl", { class: "facts", data: { part: "facts" } });
    this.progress = el("div", { class: "encode", data: { part: "encode" }, hidden: true });
    this.waits = el("div", { class: "banner", data: { tone: "wait", part: "waits" }, hidden: true }, el("strong"), " ", el("span"));
    this.error = el("section", { class: "failure", data: { part: "error" }, hidden: true });
    this.film = new Film();
    this.price = el("details", { class: "more", data: { part: "price" }, hidden: true }, el("summary"), el("div"));
    this.root = el("div", { class: "top" }, this.back, el("div", { class: "head" }, this.title, this.badge, this.actions), this.newer, this.facts,
      this.progress, this.waits, this.error, el("div", { class: "row" }, this.links, this.film.root, this.price));
  }

  paint(one) {
    const now = Date.now();
    this.one = one;
    put(this.back, "href", this.app.listAddress);
    write(this.title, one.title || pathOf(one.film)[1] || one.name);
    setBadge(this.badge, wordsOf(one));
    show(this.newer, one.newer);
    if (one.newer) put(this.newer.lastChild, "href", `/?${queryOf({ execution: one.newer })}`);
    for (const button of this.actions.children) {
      show(button, this.app.place?.can_write && ACTIONS[button.dataset.action].fits(one));
    }
    for (const link of this.links.children) {
      const there = one.links?.[link.dataset.link];
      show(link, /^(https?:\/|\/api)\//.test(there || ""));
      if (!link.hidden) put(link, "href", there);
    }
    show(this.links, [...this.links.children].some((link) => !link.hidden));
    this.paintFacts(one, now);
    this.paintProgress(one);
    this.paintWaits(one, now);
    this.paintError(one);
    this.film.paint(one.known);
    this.paintPrice(one.price);
  }

  paintFacts(one, now) {
    const ms = took(one.started_at, one.stopped_at, now);
    const facts = [
      ["Film", one.film],
      ["Started", one.started_at && `${at(one.started_at, now)}, ${ago(one.started_at, now)}`, exactly(one.started_at)],
      ["Duration", one.started_at && (one.stopped_at ? duration(ms) : running(ms))],
      ["Step Functions", one.execution_status],
      ["Asset", one.asset_id],
      ["Execution", one.name, one.arn],
    ].filter(([, value]) => value);
    const make = ([label]) => el("div", {}, el("dt", {}, label), el("dd"), label === "Execution" ? copyButton(() => this.one.arn || this.name, "the execution's ARN") : null);
    keyed(this.facts, facts, ([label]) => label, make, (fact, [, value, title]) => {
      write(fact.children[1], value);
      put(fact.children[1], "title", title || null);
    });
  }

  paintProgress(one) {
    const jobs = one.execution_status === "RUNNING" ? (one.jobs || []).filter((job) => Number.isFinite(job.percent) && job.status !== "COMPLETE") : [];
    show(this.progress, jobs.length);
    const make = () => el("p", {}, el("span"), el("progress", { max: "100" }), el("span", { class: "number" }), el("small"));
    keyed(this.progress, jobs, (job) => job.job_id || job.role, make, (line, job) => {
      const [role, bar, figure, status] = line.children;
      write(role, `Job ${job.role}`);
      put(bar, "value", job.percent);
      put(bar, "aria-label", `Job ${job.role}`);
      write(figure, percent(job.percent));
      write(status, (job.status || "").toLowerCase());
    });
  }

  paintWaits(one, now) {
    show(this.waits, one.waits);
    if (!one.waits) return;
    const { reason, since, message } = one.waits;
    write(this.waits.firstChild, { approval: "It waits for approval.", budget: "It waits for the budget.", paused: "It waits because the intake is paused." }[reason] || "It waits.");
    write(this.waits.lastChild, `${asSentence(message)}${since ? ` Since ${at(since, now)}, ${ago(since, now)}.` : ""}`);
    put(this.waits.lastChild, "title", exactly(since) || null);
  }

  // The record's own error; the states tell theirs.
  paintError(one) {
    const said = one.error ? JSON.stringify(one.error) : undefined;
    if (said === this.said) return;
    this.said = said;
    show(this.error, said);
    if (!said) return;
    const told = typeof one.error === "string" ? causeOf(one.error) || { message: one.error } : one.error;
    const where = told.state ? el("p", { class: "hint" }, `In the state “${told.state}”.`) : null;
    this.error.replaceChildren(...tellError(told), ...(where ? [where] : []));
    put(this.error, "data-tone", wordsOf(one).tone);
  }

  paintPrice(price) {
    const bills = ["predicted", "actual"].filter((kind) => price?.[kind]);
    show(this.price, bills.length);
    const said = bills.length ? JSON.stringify(price) : undefined;
    if (said === this.priced || !said) return;
    this.priced = said;
    write(this.price.firstChild, `Price: ${bills.map((kind) => `${kind} ${sum(price[kind])}`).join(", ")}${bills.every((kind) => price[kind].whole) ? "" : "; something in it has no known price"}`);
    this.price.lastChild.replaceChildren(...bills.map((kind) => bill(kind, price[kind])));
  }

  async act(action) {
    const answer = await act(action, this.one, this.app);
    if (!answer) return;
    if (answer.execution && answer.execution !== this.name) this.app.go(`/?${queryOf({ execution: answer.execution })}`);
    else this.changed();
  }
}

const sum = (one) => `${one.sure ? "" : "about "}${money(one.total, one.currency)}`;

function bill(kind, { items = [], region, prices_read: read }) {
  const row = (item) => el("tr", {}, el("td", { class: "film" }, item.output), el("td", { data: { label: "Class" } }, el("code", {}, item.class)),
    el("td", { data: { label: "Minutes" } }, el("span", { class: "number" }, String(item.minutes))),
    el("td", { data: { label: "Price" } }, el("span", { class: "number" }, item.price === null ? "unknown" : item.price.toFixed(4))), el("td", {}, el("small", {}, item.why)));
  const head = ["Output", "Class", "Minutes", "Price", ""].map((text) => el("th", { scope: "col" }, text));
  return el("table", {}, el("caption", {}, `${kind}${read ? `, prices of ${read}` : ""}${region ? `, ${region}` : ""}`), el("thead", {}, el("tr", {}, head)), el("tbody", {}, items.map(row)));
}
