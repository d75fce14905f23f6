// The list of executions: filters that stand in the address, a table that is kept up to date, pages.

import { get, query as queryOf } from "./api.js";
import { badge, el, keyed, put, setBadge, setTime, show, timeEl, write } from "./dom.js";
import { poll } from "./poll.js";
import { AGES, STATUSES, ago, at, exactly, pathOf, percent, running, statusWords, took } from "./words.js";

const FILTERS = ["q", "status", "code", "age"];
const TYPING_MS = 300;

export function openList(root, app, first) {
  let wanted = first;
  let codes = new Set();
  let pages = [""]; // the tokens that led here: Step Functions and DynamoDB only know the way forward
  const q = field("search", "q", "Search film, title or execution", "Search");
  const status = choice("status", [["", "Any status"], ...Object.entries(STATUSES).map(([value, { word }]) => [value, word])], "Status");
  const code = field("text", "code", "INPUT_…", "Error code");
  const age = choice("age", AGES, "Last changed");
  const known = el("datalist", { id: "codes" });
  code.input.setAttribute("list", "codes");
  const clear = el("button", { type: "button", class: "plain", on: { click: () => app.go("/") } }, "Clear filters");
  const filters = el("form", { class: "filters", role: "search", "aria-label": "Filter executions", on: { submit: (event) => event.preventDefault() } },
    q.label, status.label, code.label, age.label, clear, known);
  const body = el("tbody", { data: { part: "rows" } });
  const head = ["Film", "Status", "Started", "Duration", "Error"].map((text) => el("th", { scope: "col" }, text));
  const table = el("table", { class: "executions" }, el("caption", { class: "unseen" }, "Executions, newest first"), el("thead", {}, el("tr", {}, head)), body);
  const empty = el("div", { class: "empty", data: { part: "empty" }, hidden: true }, el("h2"), el("p"), el("button", { type: "button", class: "primary" }));
  const count = el("p", { class: "count", data: { part: "count" } });
  const newer = el("button", { type: "button", class: "plain", data: { part: "newer" } }, "‹ Newer");
  const older = el("button", { type: "button", class: "plain", data: { part: "older" } }, "Older ›");
  const pager = el("nav", { class: "pager", "aria-label": "Pages" }, newer, count, older);
  root.append(el("div", { class: "list", data: { part: "list" } }, el("div", { class: "head" }, el("h1", {}, "Executions")), filters, table, empty, pager));

  function address(values, page = "") {
    const asked = queryOf({ ...values, page });
    return asked ? `/?${asked}` : "/";
  }

  function chosen() {
    return { q: q.input.value.trim(), status: status.input.value, code: code.input.value.trim(), age: age.input.value };
  }

  function apply() {
    const there = address(chosen());
    if (there !== location.pathname + location.search) app.replace(there);
  }

  let typing = 0;
  for (const { input } of [q, code]) input.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(apply, TYPING_MS); });
  for (const { input } of [status, age]) input.addEventListener("change", apply);
  filters.addEventListener("submit", apply);
  older.addEventListener("click", () => app.go(address(chosen(), older.dataset.next)));
  newer.addEventListener("click", () => app.go(address(chosen(), pages[pages.length - 2] || "")));
  body.addEventListener("click", (event) => {
    // The whole row leads to the execution, unless somebody is marking text in it.
    if (event.target.closest("a") || String(getSelection())) return;
    const link = event.target.closest("tr")?.querySelector("a");
    if (link) app.go(link.getAttribute("href"));
  });

  function fill() {
    for (const [name, { input }] of Object.entries({ q, status, code, age })) {
      const value = wanted.get(name) || "";
      if (document.activeElement !== input || !["q", "code"].includes(name)) input.value = value;
    }
    const page = wanted.get("page") || "";
    const place = pages.indexOf(page);
    pages = place >= 0 ? pages.slice(0, place + 1) : page ? [...pages, page] : [""];
  }

  async function look(signal) {
    const asked = queryOf({ ...Object.fromEntries(FILTERS.map((name) => [name, wanted.get(name)])), next: wanted.get("page") });
    const found = await get(`/api/executions${asked && `?${asked}`}`, signal);
    app.trouble("connection", null);
    paint(found);
  }

  function paint({ executions, next, counts, complete }) {
    const now = Date.now();
    for (const option of status.input.options) {
      const { word } = option.value ? statusWords(option.value) : { word: "Any status" };
      write(option, counts?.[option.value] ? `${word} (${counts[option.value]})` : word);
    }
    keyed(body, executions, (one) => one.name, makeRow, (row, one) => paintRow(row, one, now));
    for (const one of executions) if (one.code) codes.add(one.code);
    keyed(known, [...codes].sort(), (one) => one, (one) => el("option", { value: one }), () => {});
    show(table, executions.length);
    const filtered = FILTERS.some((name) => wanted.get(name));
    show(clear, filtered);
    paintEmpty(executions.length === 0, filtered);
    older.dataset.next = next || "";
    older.disabled = !next;
    newer.disabled = !wanted.get("page");
    show(pager, executions.length || wanted.get("page"));
    write(count, `${executions.length} shown${wanted.get("page") ? `, page ${pages.length}` : ""}${complete === false ? "; older films are still being read" : ""}`);
    app.title("");
  }

  function paintEmpty(isEmpty, filtered) {
    show(empty, isEmpty);
    if (!isEmpty) return;
    const [title, text, button] = empty.children;
    const write_ = app.place?.can_write;
    const words = filtered || wanted.get("page")
      ? ["Nothing matches these filters", "No execution has all of these properties.", "Clear filters"]
      : write_
        ? ["Drop a film here", "Drop one file or many anywhere on this page, with their captions, posters and .json files beside them. Each film becomes an execution that you can follow here.", "Choose files"]
        : ["No films yet", `Upload a film to s3://${app.place?.sources_bucket || "the sources bucket"}/uploads/ and it appears here.`, ""];
    write(title, words[0]);
    write(text, words[1]);
    write(button, words[2]);
    show(button, words[2]);
    button.onclick = () => (filtered || wanted.get("page") ? app.go("/") : app.uploads.choose());
  }

  fill();
  let looking = poll(look, app.failed);
  return {
    placed: () => looking.now(),
    route(query) {
      wanted = query;
      fill();
      looking.stop(); // what is under way answers another question
      looking = poll(look, app.failed);
    },
    close() {
      clearTimeout(typing);
      looking.stop();
    },
  };
}

function field(type, name, placeholder, label) {
  const input = el("input", { type, name, placeholder, autocomplete: "off", autocapitalize: "none", spellcheck: "false", data: { filter: name } });
  return { input, label: el("label", {}, el("span", {}, label), input) };
}

function choice(name, options, label) {
  const input = el("select", { name, data: { filter: name } }, options.map(([value, text]) => el("option", { value }, text)));
  return { input, label: el("label", {}, el("span", {}, label), input) };
}

function makeRow() {
  const cell = (label, ...inside) => el("td", { data: { label } }, ...inside);
  return el("tr", {},
    el("td", { class: "film" }, el("a", { data: { inside: "" } }), el("small")),
    cell("Status", badge(), el("span", { class: "bar", hidden: true }, el("progress", { max: "100" }), el("small"))),
    cell("Started", timeEl(), el("small")),
    cell("Duration", el("span", { class: "number" })),
    cell("Error", el("code")));
}

function paintRow(row, one, now) {
  const [film, status, started, long, error] = row.children;
  const words = statusWords(one.status);
  const [folder, name] = pathOf(one.film);
  put(row, "data-status", one.status);
  put(film.firstChild, "href", `/?${queryOf({ execution: one.name })}`);
  write(film.firstChild, one.title || name || one.name);
  write(film.lastChild, `${folder}${name}${one.revision > 1 ? ` · revision ${one.revision}` : ""}`);
  setBadge(status.firstChild, words);
  paintBar(status.lastChild, one);
  setTime(started.firstChild, one.started_at, at(one.started_at, now), exactly(one.started_at));
  write(started.lastChild, ago(one.started_at, now));
  const ms = took(one.started_at, one.stopped_at, now);
  write(long.firstChild, one.started_at ? running(ms) : "");
  write(error.firstChild, one.code || "");
  show(error.firstChild, one.code);
}

function paintBar(bar, one) {
  const shown = Number.isFinite(one.percent) && one.execution_status === "RUNNING" && one.status === "transcoding";
  show(bar, shown);
  if (!shown) return;
  put(bar.firstChild, "value", one.percent);
  put(bar.firstChild, "aria-label", "How far the encode is");
  write(bar.lastChild, percent(one.percent));
}
