// Words and numbers as people read them. Values in, text out; nothing here touches the page.

// A version's status: its word, its tone (colour and mark), and what it means, as the filter and the tooltips say it.
export const STATUSES = {
  received: { word: "Received", tone: "busy", means: "The upload has been seen; its first state is about to run." },
  waiting: { word: "Waiting", tone: "wait", means: "Nothing goes on until the intake is resumed or somebody releases it." },
  transcoding: { word: "Transcoding", tone: "busy", means: "It is being turned into a stream." },
  held: { word: "Held", tone: "wait", means: "It is ready and waits for somebody's approval." },
  published: { word: "Published", tone: "ok", means: "Viewers can play it." },
  rejected: { word: "Rejected", tone: "refused", means: "The file cannot be made into a stream; its owner has been told why." },
  superseded: { word: "Superseded", tone: "quiet", means: "A newer upload of the same file took its place." },
  cancelled: { word: "Cancelled", tone: "quiet", means: "Somebody stopped it." },
  failed: { word: "Failed", tone: "bad", means: "Something went wrong on our side; an operator is needed." },
  expired: { word: "Expired", tone: "quiet", means: "A newer version has replaced it and its outputs are gone." },
  removed: { word: "Removed", tone: "quiet", means: "The film has been deleted." },
};

// What became of a state in one execution.
export const STATE_STATUSES = {
  running: { word: "Running", tone: "busy" },
  waiting: { word: "Waiting", tone: "wait" },
  retrying: { word: "Retrying", tone: "retry" },
  succeeded: { word: "Succeeded", tone: "ok" },
  failed: { word: "Failed", tone: "bad" },
  caught: { word: "Caught error", tone: "refused" },
  aborted: { word: "Aborted", tone: "quiet" },
  none: { word: "Not entered", tone: "none" },
};

// A status that this page has never heard of is shown as it is written.
export const statusWords = (status) => STATUSES[status] || { word: status || "Unknown", tone: "quiet", means: "" };
export const stateWords = (status) => STATE_STATUSES[status] || { word: status || "Not entered", tone: status ? "quiet" : "none" };

// Step Functions' own words for an execution.
const EXECUTION_STATUSES = {
  RUNNING: { word: "Running", tone: "busy" },
  SUCCEEDED: { word: "Succeeded", tone: "ok" },
  FAILED: { word: "Failed", tone: "bad" },
  TIMED_OUT: { word: "Timed out", tone: "bad" },
  ABORTED: { word: "Aborted", tone: "quiet" },
};
export const executionWords = (status) => EXECUTION_STATUSES[status] || { word: status || "Unknown", tone: "quiet" };

export const AGES = [["", "Any time"], ["1h", "Last hour"], ["24h", "Last 24 hours"], ["7d", "Last 7 days"], ["30d", "Last 30 days"]];

export function duration(ms) {
  if (!Number.isFinite(ms) || ms < 0) return "";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

// A running clock needs no tenths.
export const running = (ms) => (ms < 60_000 && ms >= 1000 ? `${Math.floor(ms / 1000)} s` : duration(ms));

const instant = (iso) => (iso ? new Date(iso).getTime() : NaN);

// How long something took, or has taken so far; NaN where it has not begun.
export const took = (from, to, now = Date.now()) => (to ? instant(to) : Math.max(now, instant(from))) - instant(from);

export function ago(iso, now = Date.now()) {
  const seconds = Math.floor((now - instant(iso)) / 1000);
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86_400);
  return `${days} day${days === 1 ? "" : "s"} ago`;
}

// The clock for today, day and clock for anything else.
export function at(iso, now = Date.now()) {
  const date = new Date(iso || NaN);
  if (Number.isNaN(date.getTime())) return "";
  const clock = date.toLocaleTimeString("en-GB");
  if (date.toDateString() === new Date(now).toDateString()) return clock;
  const year = date.getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" };
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...year })}, ${clock.slice(0, 5)}`;
}

export function exactly(iso) {
  const date = new Date(iso || NaN);
  return Number.isNaN(date.getTime()) ? "" : `${date.toLocaleString("en-GB", { timeZoneName: "short" })} (${date.toISOString()})`;
}

export function size(bytes) {
  if (!Number.isFinite(bytes)) return "";
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes / 1000, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export const speed = (bytesPerSecond) => (bytesPerSecond > 0 ? `${size(Math.round(bytesPerSecond))}/s` : "");

export function left(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s left`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min left`;
  return `${Math.floor(seconds / 3600)} h ${Math.ceil((seconds % 3600) / 60)} min left`;
}

export const percent = (value) => `${Math.floor(value)} %`;

export function money(amount, currency = "USD") {
  if (!Number.isFinite(amount)) return "";
  const digits = amount !== 0 && Math.abs(amount) < 0.1 ? 4 : 2;
  return `${amount.toFixed(digits)} ${currency}`;
}

// "uploads/spring/My Film.mov" -> ["uploads/spring/", "My Film.mov"]
export function pathOf(key) {
  const cut = (key || "").lastIndexOf("/") + 1;
  return [(key || "").slice(0, cut), (key || "").slice(cut)];
}

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

// What a program says in passing, as a sentence of its own.
export function asSentence(text) {
  const said = (text || "").trim();
  return said && `${said[0].toUpperCase()}${said.slice(1)}${/[.!?]$/.test(said) ? "" : "."}`;
}
