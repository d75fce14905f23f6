// The console's own API (docs/console.md). A body comes out, or a Refused that says why in words.
//
// What can go wrong: the backend is gone (Unreachable), or it answers with {error, message} (Refused).

const KEPT = 30; // answers kept for their ETags: a list page, an execution and its history need a few

const answers = new Map();

export class Unreachable extends Error {}

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function get(path, signal) {
  const known = answers.get(path);
  const headers = { Accept: "application/json", ...(known && { "If-None-Match": known.etag }) };
  const answer = await ask(path, { headers, signal, cache: "no-store" });
  if (answer.status === 304 && known) return known.body;
  const body = await read(answer);
  const etag = answer.headers.get("ETag");
  if (etag) keep(path, { etag, body });
  return body;
}

export async function post(path, body = {}, signal) {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-Vod-Console": "1" };
  return read(await ask(path, { method: "POST", headers, body: JSON.stringify(body), signal }));
}

function keep(path, answer) {
  answers.delete(path);
  answers.set(path, answer);
  if (answers.size > KEPT) answers.delete(answers.keys().next().value);
}

async function ask(path, settings) {
  try {
    return await fetch(path, settings);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable("The console's own server does not answer.");
  }
}

async function read(answer) {
  let body;
  try {
    body = await answer.json();
  } catch {
    throw new Refused(answer.status, "UNREADABLE", `The server answered ${answer.status} and nothing that can be read.`);
  }
  if (answer.ok) return body;
  throw new Refused(answer.status, body.error || "ERROR", body.message || `The server answered ${answer.status}.`);
}

export const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString();
export const executionPath = (name, rest = "") => `/api/executions/${encodeURIComponent(name)}${rest}`;
