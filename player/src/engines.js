// Three ways to play, behind one face: hls.js, Shaka Player (DASH), and a browser that plays HLS by itself (Safari).
//
// open(kind, video, url, report) gives { name, qualities(), quality(), choose(id), audio(), audioId(), chooseAudio(id),
// close() }. `report` has changed() for new tracks or levels, failed(state, reason) when playback cannot go on, and
// admitted(), which asks for new cookies when the film was refused (403) and says whether there are any.
// Ids are whatever the engine likes; "auto" is always a quality.

const assets = document.documentElement.dataset;

export function canPlayNatively(video) {
  // Chromium says "maybe" to HLS of late; only where Media Source Extensions are missing is the native way the better one.
  return video.canPlayType("application/vnd.apple.mpegurl") !== "";
}

export function preferredKind(video, wanted) {
  if (wanted === "dash") return "dash";
  const mse = window.ManagedMediaSource || window.MediaSource;
  const safari = /^((?!chrome|android|crios|fxios).)*safari/i.test(navigator.userAgent);
  return canPlayNatively(video) && (safari || !mse) ? "native" : "hls";
}

export async function open(kind, video, addresses, report) {
  if (kind === "native") return openNative(video, addresses.hls, report);
  if (kind === "dash") return openShaka(video, addresses.dash, report);
  return openHls(video, addresses.hls, report);
}

const loading = new Map();

function script(source) {
  if (!loading.has(source)) {
    loading.set(source, new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = source;
      element.onload = resolve;
      element.onerror = () => { loading.delete(source); reject(new Error("The player itself could not be loaded.")); };
      document.head.append(element);
    }));
  }
  return loading.get(source);
}

async function openHls(video, url, report) {
  await script(assets.hls);
  const Hls = window.Hls;
  if (!Hls.isSupported()) throw new Error("This browser cannot play streams (no Media Source Extensions).");
  const hls = new Hls({
    workerPath: assets.hlsWorker, // a worker from a file, so that the page's policy need not allow blob: workers
    capLevelToPlayerSize: true,
    renderTextTracksNatively: false, // captions come from asset.json, the same way for every engine
    backBufferLength: 60,
  });
  hls.subtitleDisplay = false;
  const events = [Hls.Events.LEVEL_SWITCHED, Hls.Events.MANIFEST_PARSED, Hls.Events.AUDIO_TRACK_SWITCHED, Hls.Events.AUDIO_TRACKS_UPDATED];
  for (const name of events) hls.on(name, report.changed);
  hls.on(Hls.Events.ERROR, hlsErrors(Hls, hls, report));
  hls.loadSource(url);
  hls.attachMedia(video);
  return {
    name: "hls.js",
    qualities: () => hls.levels.map((level, id) => ({ id, width: level.width, height: level.height, bitrate: level.bitrate })),
    quality: () => hls.currentLevel,
    automatic: () => hls.autoLevelEnabled,
    choose: (id) => { hls.nextLevel = id === "auto" ? -1 : id; },
    audio: () => hls.audioTracks.map((track, id) => ({ id, label: track.name, language: track.lang })),
    audioId: () => hls.audioTrack,
    chooseAudio: (id) => { hls.audioTrack = id; },
    close: async () => hls.destroy(),
  };
}

// hls.js has asked the network again, several times, before it calls an error fatal; a decoder gets one recovery from us.
function hlsErrors(Hls, hls, report) {
  let recovered = false;
  return async (_, problem) => {
    // Not only a fatal one: hls.js would try all other qualities first, and they are refused as well.
    if (problem.response?.code === 403) {
      if (!(await report.admitted())) return report.failed("forbidden", problem.details);
      if (problem.details.startsWith("manifest")) hls.loadSource(hls.url);
      else hls.startLoad();
      return;
    }
    if (!problem.fatal) return;
    if (problem.type === Hls.ErrorTypes.MEDIA_ERROR && !recovered) {
      recovered = true;
      hls.recoverMediaError();
      return;
    }
    report.failed(problem.type === Hls.ErrorTypes.NETWORK_ERROR ? "network" : "playback", problem.details);
  };
}

async function openShaka(video, url, report) {
  await script(assets.shaka);
  const shaka = window.shaka;
  shaka.polyfill.installAll();
  if (!shaka.Player.isBrowserSupported()) throw new Error("This browser cannot play streams (no Media Source Extensions).");
  const player = new shaka.Player();
  await player.attach(video);
  player.configure({ abr: { restrictToElementSize: true }, streaming: { bufferBehind: 60 } });
  for (const name of ["adaptation", "variantchanged", "trackschanged", "audiotrackchanged"]) player.addEventListener(name, report.changed);
  player.addEventListener("error", (event) => reportShaka(event.detail, player, video, url, report));
  player.load(url).then(report.changed, (error) => reportShaka(error, player, video, url, report));
  return {
    name: "Shaka Player",
    qualities: () => shakaQualities(player),
    quality: () => player.getVariantTracks().find((track) => track.active)?.videoId ?? -1,
    automatic: () => player.getConfiguration().abr.enabled,
    choose: (id) => chooseShaka(player, id),
    audio: () => player.getAudioTracks().map((track, id) => ({ id, label: track.label || track.language, language: track.language })),
    audioId: () => player.getAudioTracks().findIndex((track) => track.active),
    chooseAudio: (id) => player.selectAudioTrack(player.getAudioTracks()[id]),
    close: () => player.destroy(),
  };
}

function shakaQualities(player) {
  const byVideo = new Map();
  for (const track of player.getVariantTracks()) {
    if (track.videoId !== null) byVideo.set(track.videoId, { id: track.videoId, width: track.width, height: track.height, bitrate: track.bandwidth });
  }
  return [...byVideo.values()].sort((one, other) => one.bitrate - other.bitrate);
}

function chooseShaka(player, id) {
  player.configure({ abr: { enabled: id === "auto" } });
  if (id === "auto") return;
  const tracks = player.getVariantTracks();
  const active = tracks.find((track) => track.active);
  const sameSound = tracks.filter((track) => track.videoId === id && track.audioId === active?.audioId);
  player.selectVariantTrack(sameSound[0] || tracks.find((track) => track.videoId === id), true);
}

async function reportShaka(error, player, video, url, report) {
  const { Category, Code } = window.shaka.util.Error;
  if (error.code === Code.LOAD_INTERRUPTED || error.severity === window.shaka.util.Error.Severity.RECOVERABLE) return;
  if (error.code === Code.BAD_HTTP_STATUS && error.data[1] === 403) {
    if (!(await report.admitted())) return report.failed("forbidden", `shaka ${error.code}`);
    // Loaded anew, at its place: retryStreaming() goes on with the init segment that was refused.
    if (player.loadingAnew) return; // picture and sound were refused, and both said so
    player.loadingAnew = true;
    const paused = video.paused;
    const failed = await player.load(url, video.currentTime || null).then(() => null, (again) => again);
    player.loadingAnew = false;
    if (failed) return reportShaka(failed, player, video, url, report);
    report.changed();
    if (!paused) video.play().catch(() => {});
    return;
  }
  report.failed(error.category === Category.NETWORK ? "network" : "playback", `shaka ${error.code}`);
}

// Safari chooses the quality itself and tells nobody: the menu then only says "Auto".
async function openNative(video, url, report) {
  video.src = url;
  // The browser does not say why it could not go on; the manifest, asked once more, does.
  const fail = async () => {
    const reason = video.error?.message;
    const answer = await fetch(url, { method: "HEAD", cache: "no-store", credentials: "same-origin" }).catch(() => null);
    if (answer?.status === 403) {
      if (!(await report.admitted())) return report.failed("forbidden", reason);
      const position = video.currentTime;
      video.src = url;
      video.currentTime = position;
      return video.play().catch(() => {});
    }
    report.failed(answer ? "playback" : "network", reason);
  };
  video.addEventListener("error", fail);
  video.addEventListener("loadedmetadata", report.changed);
  const tracks = () => [...(video.audioTracks || [])];
  return {
    name: "this browser",
    qualities: () => [],
    quality: () => -1,
    automatic: () => true,
    choose: () => {},
    audio: () => tracks().map((track, id) => ({ id, label: track.label || track.language, language: track.language })),
    audioId: () => tracks().findIndex((track) => track.enabled),
    chooseAudio: (id) => tracks().forEach((track, index) => { track.enabled = index === id; }),
    close: async () => {
      video.removeEventListener("error", fail);
      video.removeAttribute("src");
      video.load();
    },
  };
}
