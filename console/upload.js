// One file on its way to S3: in parts, straight from the browser, by URLs that the backend has signed.
//
// States: queued, sending, finishing, done, failed, cancelled. A part that fails is sent again, five times, a little
// later each time; a part whose URL has expired is signed anew. What can go wrong ends as `error`, in words.

import { Refused, Unreachable, post } from "./api.js";

const PARALLEL = 3;
const ATTEMPTS = 5;
const SIGNED_AT_ONCE = 100;
const STALLED_MS = 120_000; // without one byte, a part is given up and sent again
const WINDOW_MS = 8000; // speed is that of the last seconds

export class Upload {
  constructor(file, folder, changed) {
    Object.assign(this, { file, folder, changed, state: "queued", key: null, error: null });
    this.sent = new Map(); // part number -> bytes that went
    this.samples = [];
    this.requests = new Set();
    this.stop = new AbortController();
  }

  get bytes() {
    return Math.min(this.file.size, [...this.sent.values()].reduce((sum, one) => sum + one, 0));
  }

  get active() {
    return ["queued", "sending", "finishing"].includes(this.state);
  }

  // Bytes a second over the last seconds, 0 where there is nothing to say.
  get speed() {
    const [first] = this.samples;
    const last = this.samples.at(-1);
    return first && last[0] > first[0] ? (1000 * (last[1] - first[1])) / (last[0] - first[0]) : 0;
  }

  get secondsLeft() {
    return this.speed > 0 ? (this.file.size - this.bytes) / this.speed : NaN;
  }

  // before: what must have ended before this file is completed (a film waits for its sidecars). Never rejects.
  async run(before = Promise.resolve()) {
    if (!this.active) return;
    try {
      this.to("sending");
      const told = { name: this.file.name, folder: this.folder, size: this.file.size, type: this.file.type };
      this.plan = await post("/api/uploads", told, this.stop.signal);
      this.key = this.plan.key;
      const parts = await this.send();
      this.to("finishing");
      await before;
      this.alive();
      await this.again(() => post("/api/uploads/complete", { key: this.key, upload_id: this.plan.upload_id, parts }));
      this.doneAt = Date.now();
      this.to("done");
    } catch (error) {
      if (this.state === "cancelled") return;
      this.error = inWords(error);
      this.to("failed");
      this.cleanUp();
    }
  }

  cancel() {
    if (!this.active) return;
    this.to("cancelled");
    this.cleanUp();
  }

  cleanUp() {
    this.stop.abort();
    for (const request of this.requests) request.abort();
    // Parts that were sent would be kept, and paid for; if this is not heard, the bucket's own rule removes them.
    if (this.plan) post("/api/uploads/abort", { key: this.plan.key, upload_id: this.plan.upload_id }).catch(() => {});
  }

  async send() {
    this.urls = new Map(this.plan.parts.map(({ number, url }) => [number, url]));
    const waiting = Array.from({ length: this.plan.count }, (_, place) => place + 1);
    const done = [];
    const worker = async () => {
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        this.alive();
        done.push({ number: one, etag: await this.sendPart(one) });
      }
    };
    const workers = Array.from({ length: PARALLEL }, worker);
    try {
      await Promise.all(workers);
    } catch (error) {
      waiting.length = 0;
      for (const request of this.requests) request.abort();
      await Promise.allSettled(workers);
      throw error;
    }
    return done.sort((one, other) => one.number - other.number);
  }

  async sendPart(number) {
    const from = (number - 1) * this.plan.part_size;
    const body = this.file.slice(from, Math.min(this.file.size, from + this.plan.part_size));
    return this.again(async () => {
      const url = await this.urlOf(number);
      try {
        return await this.put(number, url, body);
      } catch (error) {
        if (error.status === 403) this.urls.clear(); // signed too long ago, perhaps: the next attempt has new ones
        throw error;
      }
    });
  }

  // A large film's URLs come by the thousand, and again when they have expired; workers that want one wait together.
  async urlOf(number) {
    if (!this.urls.has(number)) {
      this.signing ??= this.sign(number).finally(() => { this.signing = null; });
      await this.signing;
    }
    return this.urls.get(number) ?? this.urlOf(number);
  }

  async sign(from) {
    const numbers = [];
    for (let number = from; number <= this.plan.count && numbers.length < SIGNED_AT_ONCE; number += 1) numbers.push(number);
    const asked = { key: this.plan.key, upload_id: this.plan.upload_id, numbers };
    const { parts } = await post("/api/uploads/parts", asked, this.stop.signal);
    for (const { number, url } of parts) this.urls.set(number, url);
  }

  // Try, and try again what may be better the next time.
  async again(attempt) {
    for (let count = 1; ; count += 1) {
      try {
        return await attempt();
      } catch (error) {
        this.alive();
        if (count >= ATTEMPTS || !worthAnother(error)) throw error;
        await this.pause(1000 * 2 ** (count - 1) * (0.5 + Math.random() / 2));
      }
    }
  }

  // Without a network there is no point in counting attempts: wait until there is one.
  async pause(ms) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (navigator.onLine === false) await new Promise((resolve) => addEventListener("online", resolve, { once: true }));
    this.alive();
  }

  put(number, url, body) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch() does not tell how much has gone
      let stalled = 0;
      const watch = () => {
        clearTimeout(stalled);
        stalled = setTimeout(() => request.abort(), STALLED_MS);
      };
      const end = (act) => {
        clearTimeout(stalled);
        this.requests.delete(request);
        act();
      };
      request.upload.onprogress = (event) => {
        watch();
        this.went(number, event.loaded);
      };
      request.onload = () => end(() => {
        if (request.status >= 200 && request.status < 300) {
          this.went(number, body.size);
          resolve(request.getResponseHeader("ETag"));
        } else reject(new PartRefused(request.status, request.responseText));
      });
      const broke = () => end(() => {
        this.went(number, 0);
        reject(new PartRefused(0, ""));
      });
      request.onerror = broke;
      request.onabort = broke;
      request.open("PUT", url);
      this.requests.add(request);
      watch();
      request.send(body);
    });
  }

  went(number, bytes) {
    this.sent.set(number, bytes);
    const now = performance.now();
    this.samples.push([now, this.bytes]);
    while (this.samples.length > 2 && this.samples[0][0] < now - WINDOW_MS) this.samples.shift();
    this.changed(this);
  }

  to(state) {
    this.state = state;
    this.changed(this);
  }

  alive() {
    if (this.state === "cancelled") throw new DOMException("cancelled", "AbortError");
  }
}

class PartRefused extends Error {
  constructor(status, text) {
    super(`S3 answered ${status}`);
    this.status = status;
    this.code = /<Code>([^<]+)<\/Code>/.exec(text)?.[1] || "";
  }
}

function worthAnother(error) {
  if (error instanceof Unreachable) return true;
  if (error instanceof PartRefused) return [0, 403, 429].includes(error.status) || error.status >= 500 || error.code === "RequestTimeout";
  return error instanceof Refused && error.status >= 500;
}

function inWords(error) {
  if (error instanceof Refused) return error.message;
  if (error instanceof Unreachable) return "The console's server does not answer. Start “vod console” again, then try again.";
  if (!(error instanceof PartRefused)) return `The browser could not read the file (${error.message}). Was it moved or changed? Choose it again.`;
  if (error.status === 0) return "The connection to S3 broke off, five times in a row. Look at the network, then try again.";
  if (error.status === 403) return "S3 does not accept what the console signed: its credentials may have expired, or may not write there. Renew them, then try again.";
  if (error.status === 404) return "S3 no longer knows this upload: somebody has ended it. Try again.";
  return `S3 refused a part of the file (${error.status}${error.code ? ` ${error.code}` : ""}). Try again.`;
}
