// The uploads' panel, and dropping files anywhere on the page. It lives as long as the page: views come and go above it.

import { get, query } from "./api.js";
import { el, keyed, part, put, show, write } from "./dom.js";
import { poll } from "./poll.js";
import { Upload } from "./upload.js";
import { left, percent, size, speed, statusWords } from "./words.js";

const AT_ONCE = 2; // films; each sends three parts at a time
const SIDECARS = /\.(srt|vtt|json|jpe?g|png)$/i;
const PAINT_MS = 250;
const KEPT = 100; // rows of uploads that have ended
const FOLLOW_MS = 10 * 60_000; // how long an upload's execution is looked for: the queue takes seconds
const FOLDER = "vod-console-folder";

export class Uploads {
  constructor(app) {
    this.app = app;
    this.can = false;
    this.all = [];
    this.running = 0;
    this.queue = [];
    this.followed = new Set();
    this.looking = null;
    this.painting = 0;
    this.build();
    this.dropping();
    addEventListener("beforeunload", (event) => { if (this.all.some((one) => one.active)) event.preventDefault(); });
  }

  build() {
    this.root = part("uploads");
    this.open = part("upload-open");
    this.picker = el("input", { type: "file", multiple: true, class: "unseen", tabindex: "-1", "aria-hidden": "true", data: { part: "picker" } });
    this.picker.addEventListener("change", () => {
      this.add([...this.picker.files].map((file) => ({ file, folder: "" })));
      this.picker.value = "";
    });
    this.folder = el("input", { name: "folder", placeholder: "none", autocomplete: "off", autocapitalize: "none", spellcheck: "false", data: { part: "folder" } });
    this.folder.value = sessionStorage.getItem(FOLDER) || "";
    this.folder.addEventListener("input", () => sessionStorage.setItem(FOLDER, this.folder.value));
    this.summary = el("p", { class: "hint", data: { part: "uploads-summary" } });
    this.said = el("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.rows = el("ul", { data: { part: "upload-rows" } });
    this.root.append(
      el("div", { class: "head" }, el("h2", {}, "Uploads"), this.summary, el("button", { type: "button", class: "plain", "aria-label": "Close the uploads", on: { click: () => this.show(false) } }, "×")),
      el("div", { class: "target" },
        el("label", {}, el("span", {}, "Folder below uploads/"), this.folder),
        el("button", { type: "button", class: "primary", data: { part: "choose" }, on: { click: () => this.picker.click() } }, "Choose files"), this.picker,
        el("p", { class: "hint" }, "Or drop files anywhere. Captions, poster and .json with the film's own name belong to it.")),
      this.said, this.rows);
    this.open.addEventListener("click", () => this.show(this.root.hidden));
    this.root.addEventListener("keydown", (event) => { if (event.key === "Escape") this.show(false); });
  }

  allowed(can) {
    this.can = can;
    if (!can && !this.all.length) this.show(false);
  }

  // steal: take the focus, which whoever opens the panel wants and whoever drops a file does not.
  show(shown, steal = true) {
    const had = this.root.contains(document.activeElement);
    show(this.root, shown);
    put(this.open, "aria-expanded", shown ? "true" : "false");
    if (shown && steal) this.root.querySelector("[data-part=choose]").focus();
    else if (!shown && had) this.open.focus();
  }

  choose() {
    this.show(true);
    this.picker.click();
  }

  target(inside = "") {
    return [this.folder.value, inside].map((one) => one.trim().replace(/^\/+|\/+$/g, "")).filter(Boolean).join("/");
  }

  dropping() {
    let depth = 0;
    const holds = (event) => this.can && [...(event.dataTransfer?.types || [])].includes("Files");
    const cover = (shown) => {
      write(part("dropping-where"), `to uploads/${this.target()}${this.target() ? "/" : ""}`);
      show(part("dropping"), shown);
    };
    addEventListener("dragenter", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      depth += 1;
      cover(true);
    });
    addEventListener("dragover", (event) => {
      if ([...(event.dataTransfer?.types || [])].includes("Files")) event.preventDefault(); // else a dropped film opens in the tab
      if (!this.can && event.dataTransfer) event.dataTransfer.dropEffect = "none";
    });
    addEventListener("dragleave", (event) => {
      if (!holds(event)) return;
      depth = Math.max(0, depth - 1);
      if (!depth) cover(false);
    });
    addEventListener("drop", async (event) => {
      event.preventDefault();
      depth = 0;
      cover(false);
      if (!holds(event)) return;
      this.add(await dropped(event.dataTransfer));
    });
  }

  // files: [{file, folder}], folder being the one they lay in when a folder was dropped.
  add(files) {
    if (!files.length) return;
    this.show(true, false);
    const batch = files.map(({ file, folder }) => new Upload(file, this.target(folder), () => this.later()));
    for (const one of batch) if (!one.file.size) Object.assign(one, { state: "failed", hopeless: true, error: "The file is empty (0 bytes). Export it again, then upload that file." });
    const sidecars = batch.filter(isSidecar);
    const films = batch.filter((one) => !isSidecar(one));
    const withTheirs = films.flatMap((film) => [film, ...sidecars.filter((one) => belongs(one, film))]);
    this.all.unshift(...new Set([...withTheirs, ...sidecars]));
    this.all = this.all.filter((one, place) => one.active || place < KEPT);
    for (const one of sidecars) this.enqueue(one, Promise.resolve());
    for (const one of films) this.enqueue(one, Promise.all(sidecars.filter((other) => belongs(other, one)).map((other) => other.ended)));
    this.paint();
  }

  // Sidecars stand before their films in the queue, so that a film never waits for what waits behind it.
  enqueue(one, before) {
    one.before = before;
    one.ended = new Promise((resolve) => { one.end = resolve; });
    if (one.active) this.queue.push(one);
    else one.end();
    this.next();
  }

  async next() {
    if (this.running >= AT_ONCE) return;
    const one = this.queue.shift();
    if (!one) return;
    this.running += 1;
    await one.run(one.before);
    this.running -= 1;
    one.end();
    if (one.state === "done") this.said.textContent = `${one.file.name} is uploaded.`;
    if (one.state === "failed") this.said.textContent = `${one.file.name} could not be uploaded. ${one.error}`;
    if (one.state === "done" && !isSidecar(one)) this.follow(one);
    this.next();
  }

  again(one) {
    const fresh = new Upload(one.file, one.folder, () => this.later());
    this.all.splice(this.all.indexOf(one), 1, fresh);
    this.enqueue(fresh, one.before || Promise.resolve());
    this.paint();
  }

  // The executions of uploads, however many: one look for all of them, until each has ended or never came.
  follow(one) {
    this.followed.add(one);
    this.looking ??= poll(async (signal) => {
      const { executions } = await get(`/api/executions?${query({ limit: 200, age: "1d" })}`, signal);
      for (const upload of this.followed) this.find(upload, executions);
      if (!this.followed.size) {
        this.looking.stop();
        this.looking = null;
      }
      this.later();
    }, () => {});
  }

  // Of this key, and begun after the upload ended: what the same key had before is another story.
  find(one, executions) {
    const since = one.doneAt - 60_000; // the clocks of S3 and of this machine need not agree
    const found = executions.find((run) => run.film === one.key && !(new Date(run.started_at).getTime() < since));
    if (found) one.execution = found;
    const over = found && found.execution_status !== "RUNNING" && found.stopped_at;
    if (over || Date.now() > one.doneAt + FOLLOW_MS) this.followed.delete(one);
  }

  // Progress comes many times a second; four paintings are enough.
  later() {
    this.painting ||= setTimeout(() => {
      this.painting = 0;
      this.paint();
    }, PAINT_MS);
  }

  paint() {
    const busy = this.all.filter((one) => one.active).length;
    const wrong = this.all.filter((one) => one.state === "failed").length;
    write(this.summary, [busy && `${busy} to go`, wrong && `${wrong} failed`].filter(Boolean).join(", "));
    write(this.open, busy ? `Uploading ${busy}` : "Upload");
    const id = (one) => (one.id ||= `upload-${(serial += 1)}`);
    keyed(this.rows, this.all, id, () => this.makeRow(), (row, one) => this.paintRow(row, one));
  }

  makeRow() {
    const row = el("li", {},
      el("div", { class: "head" }, el("strong"), el("button", { type: "button", class: "plain small" })),
      el("progress", { max: "1" }), el("p", { class: "hint" }), el("a", { data: { inside: "" }, hidden: true }));
    row.querySelector("a").addEventListener("click", () => { if (!this.all.some((one) => one.active)) this.show(false); });
    row.querySelector("button").addEventListener("click", () => (row.upload.active ? row.upload.cancel() : this.again(row.upload)));
    return row;
  }

  paintRow(row, one) {
    const [head, bar, text, link] = row.children;
    const [name, button] = head.children;
    row.upload = one;
    put(row, "data-state", one.state);
    write(name, one.file.name);
    show(button, one.active || (["failed", "cancelled"].includes(one.state) && !one.hopeless));
    write(button, one.active ? "Cancel" : "Try again");
    put(button, "aria-label", `${one.active ? "Cancel" : "Try again"}: ${one.file.name}`);
    show(bar, one.active);
    put(bar, "value", one.file.size ? one.bytes / one.file.size : 0);
    put(bar, "aria-label", `${one.file.name}: sent`);
    write(text, said(one));
    show(link, one.execution);
    if (!one.execution) return;
    put(link, "href", `/?${query({ execution: one.execution.name })}`);
    write(link, `${statusWords(one.execution.status).word}: follow its execution`);
  }
}

let serial = 0;

const stem = (name) => name.replace(/\.[^.]+$/, "");
const isSidecar = (one) => SIDECARS.test(one.file.name);

// "My Film.en.forced.vtt" belongs to "My Film.mov" of the same folder.
function belongs(sidecar, film) {
  const [of, own] = [stem(film.file.name), sidecar.file.name];
  return sidecar.folder === film.folder && own.startsWith(`${of}.`);
}

function said(one) {
  const whole = size(one.file.size);
  if (one.state === "queued") return `${whole}, waits for its turn`;
  if (one.state === "sending") return [`${percent((100 * one.bytes) / one.file.size)} of ${whole}`, speed(one.speed), left(one.secondsLeft)].filter(Boolean).join(" · ");
  if (one.state === "finishing") return "Finishing…";
  if (one.state === "failed") return one.error;
  if (one.state === "cancelled") return "Cancelled; nothing of it was kept.";
  if (isSidecar(one)) return `Uploaded, ${whole}. It belongs to the film with the same name.`;
  return one.execution ? `Uploaded, ${whole}.` : `Uploaded, ${whole}. Its execution will appear in a moment.`;
}

// Files and folders of a drop, with the folder each lies in. Entries must be taken before the first await.
async function dropped(transfer) {
  const items = [...(transfer.items || [])].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length !== items.length || !entries.length) return [...transfer.files].map((file) => ({ file, folder: "" }));
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return found;
}

async function walk(entry, folder, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    if (!file.name.startsWith(".")) found.push({ file, folder }); // .DS_Store and the like
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) return;
    for (const one of some) await walk(one, `${folder}${folder ? "/" : ""}${entry.name}`, found);
  }
}
