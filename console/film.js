// What the pipeline found in the film and made of it, as its steps have noted it: changes, warnings, renditions.

import { el, show, write } from "./dom.js";
import { jsonTree } from "./json.js";
import { plural } from "./words.js";

export class Film {
  constructor() {
    this.known = undefined;
    this.inside = el("div", { class: "found" });
    this.root = el("details", { class: "more", data: { part: "film" }, hidden: true }, el("summary"), this.inside);
  }

  paint(known) {
    const text = JSON.stringify(known || {});
    if (text === this.known) return;
    this.known = text;
    const { asset = {}, source, plan = {}, verified } = known || {};
    const renditions = verified?.renditions || plan.renditions || [];
    const changes = plan.changes || [];
    const warnings = [...new Set([...(asset.warnings || []), ...(plan.warnings || []), ...(verified?.warnings || [])])];
    show(this.root, source || renditions.length || warnings.length);
    write(this.root.firstChild, `Film: ${[
      renditions.length && plural(renditions.length, "rendition"),
      changes.length && plural(changes.length, "change"),
      warnings.length && plural(warnings.length, "warning"),
    ].filter(Boolean).join(", ") || "what was found"}`);
    this.inside.replaceChildren(
      ...group("Warnings", warnings.map(sentence), "refused"),
      ...group("Changed on the way", changes.map(sentence)),
      ...group("Renditions", renditions.map(rendition)),
      ...(source ? [el("h3", {}, "Source"), jsonTree(source)] : []));
  }
}

const sentence = (one) => (typeof one === "string" ? one : one.message || JSON.stringify(one));

function rendition({ name, width, height, bitrate_bps: bitrate }) {
  return [name, width && height && `${width}×${height}`, bitrate && `${Math.round(bitrate / 1000)} kbit/s`].filter(Boolean).join(" · ");
}

function group(title, sentences, tone) {
  if (!sentences.length) return [];
  return [el("h3", { data: tone ? { tone } : {} }, title), el("ul", {}, sentences.map((text) => el("li", {}, text)))];
}
