// The state machine's picture, alive: the backend draws it once (pipeline/media/graph.py, a <g data-state="NAME"> for
// every state), and every look at the execution puts marks, words and a percentage into it.
//
// In: the SVG's text; states and jobs as the API gives them. Out: clicks and keys, as select(name).

import { el, mark, put, svgEl, write } from "./dom.js";
import { percent, stateWords } from "./words.js";

const SMALLEST = 0.3;
const LARGEST = 1.6;
const READABLE = 0.62; // fitted smaller than this, text can no longer be read: rather scroll
const LEGEND = ["running", "succeeded", "failed", "caught", "retrying", "waiting", "aborted", "none"];

export class Graph {
  constructor(select) {
    this.select = select;
    this.states = new Map(); // name -> its parts in the picture
    this.scale = 1;
    this.fitted = true;
    this.small = false;
    this.sheet = el("div", { class: "sheet", data: { part: "graph" }, tabindex: "-1" });
    const button = (text, label, click) => el("button", { type: "button", class: "plain", "aria-label": label, title: label, on: { click } }, text);
    const tools = el("div", { class: "tools" },
      button("−", "Smaller", () => this.zoom(this.scale / 1.25)),
      button("+", "Larger", () => this.zoom(this.scale * 1.25)),
      button("Fit", "Fit the graph into the window", () => this.fit(true)));
    const legend = el("ul", { class: "legend", "aria-label": "Legend" }, LEGEND.map((status) => {
      const { word, tone } = stateWords(status);
      return el("li", { data: { tone } }, mark(tone), word);
    }));
    this.root = el("div", { class: "graph" }, tools, this.sheet, legend);
    this.resized = new ResizeObserver(() => this.fitted && this.fit(this.small));
    this.resized.observe(this.sheet);
    this.dragging();
  }

  // The picture comes from our own server; anything in it that is not a drawing is left out all the same.
  load(text) {
    const drawn = new DOMParser().parseFromString(text, "image/svg+xml");
    const svg = drawn.documentElement;
    if (svg.localName !== "svg" || drawn.querySelector("parsererror")) throw new Error("the state machine's picture cannot be read");
    for (const alien of svg.querySelectorAll("style, script, foreignObject, image, a, use")) alien.remove();
    for (const one of [svg, ...svg.querySelectorAll("*")]) {
      for (const { name } of [...one.attributes]) if (/^on|^style$|href$/i.test(name)) one.removeAttribute(name);
    }
    const [, , width, height] = (svg.getAttribute("viewBox") || "0 0 800 600").split(/[ ,]+/).map(Number);
    Object.assign(this, { width, height });
    this.svg = document.importNode(svg, true);
    put(this.svg, "role", "group");
    put(this.svg, "aria-label", "State machine");
    this.states.clear();
    for (const group of this.svg.querySelectorAll("[data-state]")) this.prepare(group);
    this.svg.addEventListener("click", (event) => this.clicked(event));
    this.svg.addEventListener("keydown", (event) => this.keyed(event));
    this.sheet.replaceChildren(this.svg);
    this.fit(false);
  }

  prepare(group) {
    const rect = group.querySelector(":scope > rect");
    const text = group.querySelector(":scope > text");
    if (!rect || !text) return;
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)));
    const textY = Number(text.getAttribute("y"));
    const under = svgEl("circle", { class: "under", cx: x, cy: textY, r: 8 });
    const use = svgEl("use", { class: "mark", x: x - 8, y: textY - 8, width: 16, height: 16, href: "#mark-none" });
    const track = svgEl("rect", { class: "percent-track", x: x + 10, y: y + height - 7, width: width - 20, height: 3, rx: 1.5 });
    const bar = svgEl("rect", { class: "percent-bar", x: x + 10, y: y + height - 7, width: 0, height: 3, rx: 1.5 });
    const figure = svgEl("text", { class: "percent", x: x + width - 8, y: y - 7 });
    group.append(under, use, track, bar, figure);
    put(group, "role", "button");
    put(group, "tabindex", this.states.size ? "-1" : "0");
    this.states.set(group.getAttribute("data-state"), { group, rect, text, use, bar, figure, full: width - 20 });
  }

  // states: the API's, in order; the last of a name counts. percents: name of a state -> 0..100 while its job runs.
  paint(states, percents, selected) {
    if (!this.svg) return;
    const found = new Map(states.map((one) => [one.name, one]));
    for (const [name, parts] of this.states) {
      const words = stateWords(found.get(name)?.status);
      const done = percents.get(name);
      const isBusy = Number.isFinite(done);
      put(parts.group, "data-tone", words.tone);
      put(parts.group, "data-percent", isBusy ? Math.floor(done) : null);
      put(parts.group, "aria-label", `${name}: ${words.word}${isBusy ? `, ${percent(done)}` : ""}`);
      put(parts.group, "aria-pressed", name === selected ? "true" : "false");
      put(parts.use, "href", `#mark-${words.tone}`);
      write(parts.figure, isBusy ? percent(done) : "");
      put(parts.bar, "width", isBusy ? (parts.full * Math.min(100, done)) / 100 : 0);
    }
    for (const edge of this.svg.querySelectorAll("path[data-from]")) {
      const [from, to] = [edge.getAttribute("data-from"), edge.getAttribute("data-to")].map((name) => found.get(name));
      const caught = from?.status === "caught";
      put(edge, "data-taken", from && to && edge.classList.contains("caught") === caught ? "yes" : null);
    }
    if (selected && selected !== this.selected) this.rove(selected);
    this.selected = selected;
  }

  // One state can be reached with Tab; arrow keys go from there to the others.
  rove(name) {
    for (const [other, { group }] of this.states) put(group, "tabindex", other === name ? "0" : "-1");
  }

  clicked(event) {
    const group = event.target.closest("[data-state]");
    if (group && !this.dragged) this.select(group.getAttribute("data-state"));
  }

  keyed(event) {
    const name = event.target.closest?.("[data-state]")?.getAttribute("data-state");
    if (name === undefined || name === null) return;
    const names = [...this.states.keys()];
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step) {
      const next = names[(names.indexOf(name) + step + names.length) % names.length];
      this.rove(next);
      this.states.get(next).group.focus();
    } else if (event.key === "Enter" || event.key === " ") this.select(name);
    else return;
    event.preventDefault();
  }

  zoom(scale) {
    this.scale = Math.min(LARGEST, Math.max(SMALLEST, scale));
    this.fitted = false;
    this.size();
  }

  // The whole width in the window; unless asked for (small), never smaller than can be read.
  fit(small) {
    this.small = small;
    const room = this.sheet.clientWidth;
    if (!this.svg || !room) return;
    const fitting = Math.min(1.1, (room - 2) / this.width);
    this.scale = small ? fitting : Math.max(READABLE, fitting);
    this.fitted = true;
    this.size();
  }

  size() {
    put(this.svg, "width", Math.floor(this.width * this.scale));
    put(this.svg, "height", Math.floor(this.height * this.scale));
  }

  // Bring a state into sight, inside the sheet only.
  reveal(name) {
    const box = this.states.get(name)?.rect.getBoundingClientRect();
    const seen = this.sheet.getBoundingClientRect();
    if (!box || !seen.width) return;
    if (box.left < seen.left || box.right > seen.right) this.sheet.scrollLeft += box.left + box.width / 2 - seen.left - seen.width / 2;
    if (box.top < seen.top || box.bottom > seen.bottom) this.sheet.scrollTop += box.top + box.height / 2 - seen.top - seen.height / 2;
  }

  // A mouse drags the picture; fingers scroll it by themselves.
  dragging() {
    let from = null;
    this.sheet.addEventListener("pointerdown", (event) => {
      this.dragged = false;
      if (event.pointerType === "mouse" && event.button === 0) from = [event.clientX + this.sheet.scrollLeft, event.clientY + this.sheet.scrollTop];
    });
    this.sheet.addEventListener("pointermove", (event) => {
      if (!from || !(event.buttons & 1)) return;
      const [left, top] = [from[0] - event.clientX, from[1] - event.clientY];
      if (Math.abs(left - this.sheet.scrollLeft) + Math.abs(top - this.sheet.scrollTop) > 4) this.dragged = true;
      if (this.dragged) Object.assign(this.sheet, { scrollLeft: left, scrollTop: top });
    });
    this.sheet.addEventListener("pointerup", () => { from = null; });
  }

  close() {
    this.resized.disconnect();
  }
}
