// The page: which view is open, what place it shows, and what is wrong with the connection.
//
// The address says everything that can be looked at: /?status=failed&q=... is the list, /?execution=NAME one execution.
// A view is open(root, app) -> {route(query), close()}; views look at nothing but the app they are given.

import { Refused, Unreachable, get } from "./api.js";
import { el, keyed, part, put, show, write } from "./dom.js";
import { openExecution } from "./execution.js";
import { openList } from "./list.js";
import { poll } from "./poll.js";
import { Uploads } from "./uploads.js";
import { at } from "./words.js";

const PLACE_EVERY_MS = 10_000;
const NOTICE_MS = 8000;

const app = {
  place: null,
  listAddress: "/", // with its filters, for the way back from an execution
  view: null,
  troubles: new Map(), // what the banners say, by what it is about
  go, replace, tell, trouble, failed, title,
};
window.vodConsole = app; // for tests and for whoever opens the browser's tools

function route() {
  const query = new URLSearchParams(location.search);
  const kind = query.get("execution") ? `execution ${query.get("execution")}` : "list";
  if (app.view?.kind !== kind) {
    app.view?.close();
    part("main").replaceChildren();
    const open = kind === "list" ? openList : openExecution;
    app.view = Object.assign(open(part("main"), app, query), { kind });
    app.moved?.();
  } else {
    app.view.route(query);
  }
  if (kind === "list") app.listAddress = location.pathname + location.search;
}

// To another address: a step that "back" undoes, or (replace) a filter that it need not.
function go(address) {
  if (address !== location.pathname + location.search) history.pushState(null, "", address);
  const before = app.view?.kind;
  route();
  if (app.view.kind !== before) {
    scrollTo(0, 0);
    part("main").focus({ preventScroll: true });
  }
}

function replace(address) {
  history.replaceState(null, "", address);
  route();
}

function title(text) {
  const wanted = text ? `${text} – VOD console` : "VOD console";
  if (document.title !== wanted) document.title = wanted;
}

// Ordinary links stay in the page; with a modifier key, or to another site, they are the browser's.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-inside]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});
part("home").addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go("/");
});
part("home").href = "/";
addEventListener("popstate", route);

// A sentence about what the reader has just done.
function tell(text, tone = "ok") {
  const close = el("button", { type: "button", class: "plain", "aria-label": "Close this message", on: { click: () => gone() } }, "×");
  const notice = el("p", { class: "notice", data: { tone } }, el("span", {}, text), close);
  const timer = tone === "bad" ? 0 : setTimeout(() => gone(), NOTICE_MS); // an error stays until it is read
  function gone() {
    clearTimeout(timer);
    notice.remove();
  }
  part("notices").append(notice);
  while (part("notices").children.length > 3) part("notices").firstChild.remove();
}

// What is wrong for as long as it is: about -> {tone, title, text}, or null when it is well again.
function trouble(about, words) {
  if (words) app.troubles.set(about, words);
  else app.troubles.delete(about);
  const make = () => el("div", { class: "banner" }, el("strong"), " ", el("span"));
  const update = (banner, [, { tone, title: head, text }]) => {
    put(banner, "data-tone", tone);
    write(banner.firstChild, head);
    write(banner.lastChild, text);
  };
  keyed(part("banners"), [...app.troubles], ([name]) => name, make, update);
}

// For every look that failed; the next one that succeeds calls trouble("connection", null).
function failed(error) {
  if (error instanceof Unreachable) {
    trouble("connection", { tone: "bad", title: "The console's server does not answer.", text: "What you see may be out of date. Trying again by itself; start “vod console” if it has ended." });
  } else if (error instanceof Refused) {
    trouble("connection", { tone: "bad", title: "The console cannot read from AWS.", text: `${error.message} Trying again by itself.` });
  } else {
    console.error(error);
    trouble("connection", { tone: "bad", title: "This page met something it does not understand.", text: `${error.message}. Trying again by itself.` });
  }
}

async function lookAtPlace(signal) {
  const place = await get("/api/place", signal);
  const first = !app.place;
  app.place = place;
  const account = [place.account, place.region].filter(Boolean).join(" · ");
  const chips = [
    place.endpoint && { key: "local", text: "this machine", title: place.endpoint },
    { key: "stack", text: place.stack || "stack without a name", title: place.state_machine_arn },
    account && { key: "account", text: account },
    !place.can_write && { key: "read-only", text: "read only", title: "Start the console with --write to act from here" },
  ].filter(Boolean);
  const make = ({ key }) => el("li", { data: { chip: key } });
  keyed(part("place"), chips, (chip) => chip.key, make, (chip, { text, title: hint }) => {
    put(chip, "title", hint || null);
    write(chip, text);
  });
  const intake = place.intake;
  trouble("intake", intake?.paused ? { tone: "wait", title: "The intake is paused.", text: paused(intake) } : null);
  show(part("upload-open"), place.can_write);
  uploads.allowed(place.can_write);
  if (first) app.view?.placed?.();
  return PLACE_EVERY_MS;
}

function paused({ since, by, reason }) {
  const told = [since && `since ${at(since)}`, by && `by ${by}`].filter(Boolean).join(" ");
  return `New uploads wait for “vod resume”${told && `; paused ${told}`}${reason ? `: ${reason}` : ""}.`;
}

const uploads = new Uploads(app);
app.uploads = uploads;
poll(lookAtPlace, failed);
route();
