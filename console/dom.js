// Elements without markup: text is only ever set as text, so that a film's title can never become part of the page.

export const part = (name, root = document) => root.querySelector(`[data-part="${name}"]`);

// el("a", {href, class, data: {part: "x"}, on: {click}}, "text", child, null) -> the element
export function el(tag, settings = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else put(element, name === "class" ? "class" : name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function svgEl(tag, settings = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(settings)) element.setAttribute(name, String(value));
  return element;
}

// Marks are drawn once, in index.html.
export function mark(tone) {
  const drawing = svgEl("svg", { class: "mark", viewBox: "0 0 16 16", "aria-hidden": "true" });
  drawing.append(svgEl("use", { href: `#mark-${tone}` }));
  return drawing;
}

export function setMark(drawing, tone) {
  put(drawing.firstChild, "href", `#mark-${tone}`);
}

// The three writers below touch the page only where something changed: nothing flickers, and a selection stays.
export function write(element, text) {
  const wanted = text === null || text === undefined ? "" : String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

export function put(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else {
    const wanted = value === true ? "" : String(value);
    if (element.getAttribute(name) !== wanted) element.setAttribute(name, wanted);
  }
}

export function show(element, shown) {
  if (element.hidden === Boolean(shown)) element.hidden = !shown;
}

// Make a parent's children those of `items`, in their order. Elements stay the same for the same key and are not moved
// while their order is the same: what has the focus keeps it.
export function keyed(parent, items, key, make, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = new Map(items.map((item) => [String(key(item)), item]));
  for (const [name, child] of old) if (!wanted.has(name)) child.remove();
  let here = parent.firstElementChild;
  for (const [name, item] of wanted) {
    let child = old.get(name);
    if (!child) {
      child = make(item);
      child.dataset.key = name;
    }
    update(child, item);
    if (child === here) here = here.nextElementSibling;
    else parent.insertBefore(child, here);
  }
}

// A status: mark and word, never the colour alone.
export function badge() {
  return el("span", { class: "badge" }, mark("none"), el("span"));
}

export function setBadge(element, words) {
  put(element, "data-tone", words.tone);
  put(element, "title", words.means || null);
  setMark(element.firstChild, words.tone);
  write(element.lastChild, words.word);
}

export function timeEl() {
  return el("time");
}

export function setTime(element, iso, text, title) {
  put(element, "datetime", iso || null);
  put(element, "title", title || null);
  write(element, text);
}
