// What may be done to an execution from here, each after a question that says what will happen.

import { executionPath, post } from "./api.js";
import { part, show, write } from "./dom.js";

// What waits for the end of a pause has no execution yet.
const over = (one) => one.execution_status && one.execution_status !== "RUNNING";

export const ACTIONS = {
  approve: {
    label: "Approve", primary: true,
    fits: (one) => one.status === "held",
    note: true,
    title: "Publish this film?",
    text: (film) => `“${film}” will be playable for everybody who may see it, within seconds.`,
    done: "Approved: it is being published.",
  },
  release: {
    label: "Release", primary: true,
    fits: (one) => one.status === "waiting" && one.waits?.reason !== "paused", // a pause ends for all, by `vod resume`
    note: true,
    title: "Let this film go on?",
    text: (film) => `“${film}” will be transcoded now. That costs what the plan says.`,
    done: "Released: it goes on.",
  },
  retry: {
    label: "Retry", primary: true,
    fits: (one) => one.execution_status !== "RUNNING" && ["failed", "cancelled"].includes(one.status),
    title: "Try again?",
    text: (film) => `“${film}” goes on at the state that failed; what is encoded is not encoded again. Where that is not possible it becomes a new revision.`,
    done: "It runs again.",
  },
  cancel: {
    label: "Cancel", danger: true,
    // A later revision of what is published is an update: it can be stopped, and what plays plays on.
    fits: (one) => !over(one) && one.status !== "cancelled" && (one.status !== "published" || one.revision > 1),
    title: "Stop this execution?",
    text: (film) => `This run of “${film}” will not be published, its jobs are cancelled and what they have made is removed. The uploaded file stays, and so does what plays already.`,
    done: "Cancelled.",
  },
};

// A question in the page's own dialog: {note} when the answer is yes, else null.
export function ask(title, text, yes, withNote = false) {
  const dialog = part("dialog");
  write(part("dialog-title"), title);
  write(part("dialog-text"), text);
  write(part("dialog-yes"), yes);
  show(part("dialog-note"), withNote);
  part("note").value = "";
  dialog.returnValue = "no";
  dialog.showModal();
  part("dialog-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? { note: part("note").value.trim() } : null), { once: true });
  });
}

// Ask, do, say what became of it. The API's answer when it was done, else null.
export async function act(name, one, app) {
  const action = ACTIONS[name];
  const film = one.title || one.film || one.name;
  const decided = await ask(action.title, action.text(film), action.label, action.note);
  if (!decided) return null;
  try {
    const answer = await post(executionPath(one.name, `/${name}`), decided);
    app.tell(action.done);
    return answer;
  } catch (error) {
    app.tell(`${action.label} did not work: ${error.message}`, "bad");
    return null;
  }
}
