// The page: reads ?asset=, shows the film or says in plain words why there is none. With &run= it shows one version of it,
// published or not, to whoever is to approve it.
//
// Its state is one word (home, loading, ready, processing, notfound, rejected, failed, removed, forbidden, network,
// playback), visible as data-state on <body> and as window.vod.state; tests and stylesheets look at nothing else.

import { address, readAsset } from "./asset.js";
import { Controls } from "./controls.js";
import { open, preferredKind } from "./engines.js";
import { Session } from "./session.js";
import { NOTICES, facts } from "./words.js";

const LONGEST_WAIT_S = 20;
const MOST_ADMISSIONS = 3; // a minute: a film that is refused although there are new cookies is not asked for for ever
const query = new URLSearchParams(location.search);
const run = query.get("run");
const part = (name) => document.querySelector(`[data-part="${name}"]`);
const stage = part("stage");
const video = part("video");
const controls = new Controls(stage, video);

const vod = (window.vod = { state: "loading", asset: null, kind: null, engine: null, error: null, video, retries: 0, admissions: [] });

function show(state, asset, detail) {
  vod.state = state;
  document.body.dataset.state = state;
  const ready = state === "ready";
  part("film").hidden = !ready;
  part("notice").hidden = ready;
  if (ready) return;
  const notice = NOTICES[state];
  part("notice-title").textContent = notice.title;
  part("notice-text").textContent = asset?.message || notice.text;
  part("notice-film").textContent = asset?.title || "";
  part("notice-detail").textContent = detail || "";
  const percent = state === "processing" && Number.isFinite(asset?.percent) ? asset.percent : null;
  part("progress").hidden = percent === null;
  if (percent !== null) part("progress").value = percent;
  part("retry").hidden = !notice.retry;
  part("retry").textContent = notice.retry || "";
  part("finder").hidden = !["home", "notfound"].includes(state);
  document.title = notice.title;
}

async function look(id) {
  clearTimeout(vod.timer);
  vod.session ??= new Session(id);
  if (vod.session.token) await vod.session.open();
  let found = await readAsset(id, run);
  if (found.state === "forbidden") {
    const { state, message } = await vod.session.open();
    if (state === "open") found = await readAsset(id, run);
    if (found.state === "forbidden") return show("forbidden", null, message);
  }
  vod.asset = found.asset || null;
  if (found.state === "ready") return play(found);
  show(found.state, found.asset);
  const wait = NOTICES[found.state].wait;
  // Looks again by itself, a little less often each time: a film takes minutes, and many may be watching this page.
  if (wait) vod.timer = setTimeout(() => look(id), 1000 * Math.min(LONGEST_WAIT_S, wait + vod.retries++));
}

async function play(found) {
  const { asset } = found;
  show("ready", asset);
  document.title = asset.title || asset.asset_id;
  part("title").textContent = asset.title || asset.asset_id;
  part("facts").replaceChildren(...facts(asset).map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  part("description").textContent = asset.description || "";
  part("description").hidden = !asset.description;
  dress(found);
  const addresses = { hls: address(found, asset.hls, found.manifests), dash: address(found, asset.dash, found.manifests) };
  const kind = preferredKind(video, query.get("player"));
  switcher(kind, addresses);
  await start(kind, addresses, 0);
}

// Poster, shape and captions. Portrait and odd shapes keep their shape; the stylesheet only limits the height.
function dress(found) {
  const { asset } = found;
  const poster = address(found, asset.poster);
  if (poster) video.poster = poster;
  stage.dataset.poster = poster ? "yes" : "no";
  if (asset.width && asset.height) part("film").style.setProperty("--shape", String(asset.width / asset.height));
  stage.dataset.sound = asset.height ? "no" : "only";
  controls.describe(asset, address(found, asset.storyboard));
  video.replaceChildren(...(asset.captions || []).map((one) => captionTrack(found, one)).filter(Boolean));
}

function captionTrack(found, caption) {
  const source = address(found, caption.vtt);
  if (!source) return null;
  const settings = { kind: "captions", src: source, srclang: caption.language, label: caption.label || caption.language };
  const track = Object.assign(document.createElement("track"), settings);
  track.dataset.own = "yes"; // Shaka puts <track>s of its own beside ours
  return track;
}

async function start(kind, addresses, position) {
  await vod.engine?.close();
  vod.engine = null;
  vod.error = null;
  vod.kind = kind;
  document.body.dataset.player = kind;
  const failed = (state, reason) => stop(state, reason, () => start(kind, addresses, video.currentTime || position));
  try {
    vod.engine = await open(kind, video, addresses, { changed: () => controls.refresh(), failed, admitted });
  } catch (error) {
    return failed("playback", error.message);
  }
  part("engine").textContent = `Played by ${vod.engine.name}`;
  controls.use(vod.engine);
  if (position) video.currentTime = position;
  // Browsers only let a film with sound start after the viewer has done something; then the big button is there.
  await video.play().catch(() => {});
}

// Sound and picture are refused in the same moment, and their engine reports both: one answer serves them.
function admitted() {
  vod.admitting ??= admit().finally(() => setTimeout(() => { vod.admitting = null; }, 1000));
  return vod.admitting;
}

async function admit() {
  vod.admissions = [...vod.admissions, Date.now()].filter((at) => at > Date.now() - 60000);
  return vod.admissions.length <= MOST_ADMISSIONS && (await vod.session.open()).state === "open";
}

// Playback could not go on: keep the film's place, say so over the picture, offer to go on from there.
function stop(state, reason, again) {
  vod.error = reason;
  vod.state = state;
  document.body.dataset.state = state;
  part("stopped").hidden = false;
  part("stopped-title").textContent = NOTICES[state].title;
  part("stopped-text").textContent = NOTICES[state].text;
  part("stopped-detail").textContent = reason || "";
  part("again").onclick = () => {
    part("stopped").hidden = true;
    vod.state = document.body.dataset.state = "ready";
    again();
  };
  part("again").focus();
}

function switcher(kind, addresses) {
  for (const link of document.querySelectorAll("[data-switch]")) {
    const wanted = link.dataset.switch;
    const there = new URLSearchParams(query);
    if (wanted === "dash") there.set("player", "dash");
    else there.delete("player");
    link.href = `/?${there}`;
    link.hidden = !(addresses.hls && addresses.dash);
    if ((kind === "dash") === (wanted === "dash")) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

const asked = (query.get("asset") || "").trim();
part("preview").hidden = run === null;
part("retry").addEventListener("click", () => { show("loading"); look(asked); });
part("finder").addEventListener("submit", (event) => {
  event.preventDefault(); // so that the page's policy need not allow any form to be sent anywhere
  location.assign(`/?asset=${encodeURIComponent(part("name").value.trim())}`);
});
part("name").value = asked;
if (asked) look(asked);
else show("home");
