// JSON as a tree that folds: small things open, large ones closed, and what is closed is not built before it is opened.

import { el, write } from "./dom.js";

const OPEN_AT_MOST = 24; // lines that a value may have and still begin open
const LONG_TEXT = 400;
const AT_ONCE = 200; // members of one list or object shown at a time

// What the API hands over may be JSON or JSON's text.
export function parsed(value) {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

export function jsonTree(value) {
  return el("div", { class: "json" }, node(value, null, 0));
}

function lines(value, most) {
  if (value === null || typeof value !== "object") return 1;
  let count = 2;
  for (const one of Object.values(value)) {
    count += lines(one, most - count);
    if (count > most) break;
  }
  return count;
}

function node(value, name, depth) {
  const isList = Array.isArray(value);
  if (value !== null && typeof value === "object" && Object.keys(value).length) return branch(value, name, depth, isList);
  if (typeof value === "string" && value.length > LONG_TEXT) return longText(value, name);
  return el("div", { class: "line" }, label(name), leaf(value));
}

const label = (name) => (name === null ? null : [el("span", { class: "name" }, String(name)), ": "]);

function leaf(value) {
  if (value === null) return el("span", { class: "null" }, "null");
  if (typeof value === "object") return el("span", { class: "fold" }, Array.isArray(value) ? "[]" : "{}");
  return el("span", { class: typeof value }, typeof value === "string" ? `"${value}"` : String(value));
}

function branch(value, name, depth, isList) {
  const entries = Object.entries(value);
  const open = depth === 0 || lines(value, OPEN_AT_MOST + 1) <= OPEN_AT_MOST;
  const inside = el("div", { class: "inside" });
  const counted = isList ? `[ ${entries.length} ]` : `{ ${entries.length} }`;
  const folded = el("details", { open }, el("summary", {}, label(name), el("span", { class: "fold" }, counted)), inside);
  const fill = () => {
    if (!folded.open || inside.childElementCount) return;
    more(inside, entries, depth, 0);
  };
  folded.addEventListener("toggle", fill);
  fill();
  return folded;
}

function more(inside, entries, depth, from) {
  inside.append(...entries.slice(from, from + AT_ONCE).map(([key, one]) => node(one, key, depth + 1)));
  const rest = entries.length - from - AT_ONCE;
  if (rest <= 0) return;
  const button = el("button", { type: "button", class: "plain" }, `${rest} more`);
  button.addEventListener("click", () => {
    button.remove();
    more(inside, entries, depth, from + AT_ONCE);
  });
  inside.append(button);
}

function longText(value, name) {
  const text = el("span", { class: "string" }, `"${value.slice(0, LONG_TEXT)}…`);
  const button = el("button", { type: "button", class: "plain" }, `all ${value.length} characters`);
  button.addEventListener("click", () => {
    text.textContent = `"${value}"`;
    button.remove();
  });
  return el("div", { class: "line" }, label(name), text, " ", button);
}

// A button that copies what `text()` gives, and says so on itself.
export function copyButton(text, what) {
  const button = el("button", { type: "button", class: "plain small", "aria-label": `Copy ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    let done = "Copied";
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      done = "The browser does not allow it";
    }
    write(button, done);
    setTimeout(() => write(button, "Copy"), 1500);
  });
  return button;
}

export const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
