// The buttons, the seek bar, the menus and the keyboard. Knows the <video> and the engine's face; nothing of asset.json.

import { Storyboard } from "./storyboard.js";
import { bitrate, clock, dataUse, quality, spokenTime } from "./words.js";

const IDLE_MS = 2600;
const SOUND_BPS = 128000;
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

export class Controls {
  constructor(stage, video) {
    this.stage = stage;
    this.video = video;
    this.engine = null;
    this.asset = null;
    this.pick = (name) => stage.querySelector(`[data-control="${name}"]`);
    this.seek = this.pick("seek");
    this.menu = this.pick("menu");
    this.storyboard = new Storyboard(this.pick("preview"));
    this.#buttons();
    this.#preview();
    this.#follow();
    this.#keyboard();
    this.#idle();
    this.#speeds();
  }

  // What the film itself says: how much data a quality costs, and where its small pictures are.
  describe(asset, storyboard) {
    this.asset = asset;
    this.storyboard.use(storyboard);
  }

  use(engine) {
    this.engine = engine;
    this.refresh();
  }

  // Engines call this on every change of level or track; the menus are drawn anew only while something differs.
  refresh() {
    if (!this.engine) return;
    this.#qualityMenu();
    this.#audioMenu();
    this.#captionMenu();
  }

  toggle() {
    if (this.video.paused || this.video.ended) this.video.play().catch(() => {});
    else this.video.pause();
  }

  #buttons() {
    const { video } = this;
    const fullscreen = () => (document.fullscreenElement ? document.exitFullscreen() : this.#enterFullscreen());
    this.actions = {
      play: () => this.toggle(),
      mute: () => { video.muted = !video.muted; },
      captions: () => this.#toggleCaptions(),
      settings: () => this.#openMenu(this.menu.hidden),
      fullscreen,
    };
    for (const [name, action] of Object.entries(this.actions)) this.pick(name).addEventListener("click", action);
    this.pick("big-play").addEventListener("click", () => this.toggle());
    video.addEventListener("click", () => {
      if (!this.menu.hidden) this.#openMenu(false);
      else if (!this.woken) this.toggle();
    });
    this.pick("volume").addEventListener("input", (event) => {
      video.volume = Number(event.target.value);
      video.muted = video.volume === 0;
    });
    this.seek.addEventListener("input", () => { video.currentTime = Number(this.seek.value); });
  }

  // Where the pointer is on the bar, or where the keyboard has moved it.
  #preview() {
    const { seek } = this;
    const at = (left) => {
      const wide = seek.clientWidth;
      const share = Math.max(0, Math.min(1, left / (wide || 1)));
      const time = share * (this.video.duration || 0);
      this.pick("preview-time").textContent = clock(time);
      this.storyboard.show(time, left, wide);
    };
    seek.addEventListener("pointermove", (event) => at(event.clientX - seek.getBoundingClientRect().left));
    seek.addEventListener("input", () => at((Number(seek.value) / Number(seek.max)) * seek.clientWidth));
    for (const name of ["pointerleave", "blur", "change"]) seek.addEventListener(name, () => this.storyboard.hide());
  }

  // iPhones have no fullscreen for elements, only for the film.
  #enterFullscreen() {
    if (this.stage.requestFullscreen) return this.stage.requestFullscreen().catch(() => {});
    return this.video.webkitEnterFullscreen?.();
  }

  #follow() {
    const { video, stage } = this;
    const on = (names, action) => names.split(" ").forEach((name) => video.addEventListener(name, action));
    on("timeupdate seeking seeked durationchange loadedmetadata progress", () => this.#time());
    on("play pause ended", () => this.#playing());
    on("volumechange", () => this.#volume());
    on("waiting seeking", () => { stage.dataset.waiting = "yes"; });
    on("playing seeked canplay pause", () => { stage.dataset.waiting = "no"; });
    on("resize loadedmetadata", () => this.refresh());
    video.textTracks.addEventListener("change", () => { this.#captionMenu(); this.#placeCaptions(); });
    // Cues arrive after the track is shown; each element says when.
    video.addEventListener("load", () => this.#placeCaptions(), true);
    video.textTracks.addEventListener("addtrack", () => this.#captionMenu());
    document.addEventListener("fullscreenchange", () => this.#label("fullscreen", document.fullscreenElement, "Leave full screen", "Full screen"));
    this.#volume();
    this.#playing();
  }

  #time() {
    const { video, seek } = this;
    const duration = Number.isFinite(video.duration) ? video.duration : 0;
    seek.max = String(duration || 1);
    seek.value = String(video.currentTime);
    seek.setAttribute("aria-valuetext", `${spokenTime(video.currentTime)} of ${spokenTime(duration)}`);
    const ends = [...Array(video.buffered.length).keys()].filter((index) => video.buffered.start(index) <= video.currentTime + 0.5);
    const buffered = ends.length ? video.buffered.end(ends.at(-1)) : 0;
    seek.style.setProperty("--played", `${(100 * video.currentTime) / (duration || 1)}%`);
    seek.style.setProperty("--buffered", `${(100 * buffered) / (duration || 1)}%`);
    this.pick("time").textContent = `${clock(video.currentTime)} / ${clock(Math.round(duration))}`;
  }

  #playing() {
    const { video, stage } = this;
    const playing = !video.paused && !video.ended;
    stage.dataset.playing = playing ? "yes" : "no";
    if (playing) stage.dataset.started = "yes";
    this.#label("play", playing, "Pause", video.ended ? "Play again" : "Play");
    this.#wake();
  }

  #volume() {
    const { video, stage } = this;
    const silent = video.muted || video.volume === 0;
    stage.dataset.muted = silent ? "yes" : "no";
    this.pick("volume").value = String(silent ? 0 : video.volume);
    this.pick("volume").style.setProperty("--played", `${silent ? 0 : video.volume * 100}%`);
    this.#label("mute", silent, "Sound on", "Mute");
  }

  #label(name, active, yes, no) {
    const button = this.pick(name);
    button.setAttribute("aria-label", active ? yes : no);
    button.title = active ? yes : no;
  }

  #keyboard() {
    const step = (seconds) => { this.video.currentTime = Math.max(0, Math.min(this.video.duration || 0, this.video.currentTime + seconds)); };
    const louder = (amount) => { this.video.muted = false; this.video.volume = Math.max(0, Math.min(1, this.video.volume + amount)); };
    const keys = {
      " ": () => this.toggle(), k: () => this.toggle(),
      ArrowLeft: () => step(-5), ArrowRight: () => step(5), j: () => step(-10), l: () => step(10),
      ArrowUp: () => louder(0.1), ArrowDown: () => louder(-0.1),
      Home: () => { this.video.currentTime = 0; },
      f: this.actions.fullscreen, m: this.actions.mute, c: this.actions.captions,
      Escape: () => this.#openMenu(false),
    };
    document.addEventListener("keydown", (event) => {
      if (this.stage.hidden || event.ctrlKey || event.metaKey || event.altKey || isBusy(event)) return;
      const action = keys[event.key] || keys[event.key.toLowerCase()];
      if (!action) return;
      event.preventDefault();
      action();
      this.#wake();
    });
  }

  #idle() {
    const wake = () => this.#wake();
    for (const name of ["pointermove", "pointerdown", "focusin"]) this.stage.addEventListener(name, wake);
    // A finger on a film without its bar asks for the bar, and not yet for a pause.
    this.stage.addEventListener("pointerdown", (event) => {
      this.woken = event.pointerType === "touch" && this.stage.dataset.idle === "yes";
    }, true);
    this.stage.addEventListener("pointerleave", (event) => {
      // A finger leaves with every tap, before its click: the bar would be gone from under the button that was meant.
      if (event.pointerType === "touch" || this.video.paused || !this.menu.hidden) return;
      this.stage.dataset.idle = "yes";
      this.#placeCaptions();
    });
    document.addEventListener("pointerdown", (event) => { if (!this.menu.hidden && !this.stage.contains(event.target)) this.#openMenu(false); });
  }

  #wake() {
    this.stage.dataset.idle = "no";
    this.#placeCaptions();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const held = this.video.paused || !this.menu.hidden || this.stage.querySelector(":focus-visible");
      this.stage.dataset.idle = held ? "no" : "yes";
      this.#placeCaptions();
    }, IDLE_MS);
  }

  // Captions that leave their place to the player ("auto") stand above the bar while it is shown.
  #placeCaptions() {
    const lineHeight = 0.064 * this.video.clientHeight || 1; // browsers set captions in 5 % of the picture's height
    const covered = this.stage.dataset.idle === "yes" ? 0 : this.pick("bar").clientHeight - 34;
    const line = covered ? -1 - Math.ceil(covered / Math.max(lineHeight, 20)) : "auto";
    for (const track of this.#captionTracks().filter((one) => one.mode === "showing")) {
      const cues = [...(track.cues || [])].filter((cue) => (cue.ours ??= cue.line === "auto") && cue.line !== line);
      for (const cue of cues) cue.line = line;
      // Chromium only draws a caption that is on screen again when its track is shown anew.
      if (cues.length) {
        track.mode = "hidden";
        track.mode = "showing";
      }
    }
  }

  #openMenu(open) {
    const held = this.menu.contains(document.activeElement);
    this.menu.hidden = !open;
    this.pick("settings").setAttribute("aria-expanded", String(open));
    if (open) this.menu.querySelector("input:checked")?.focus({ preventScroll: true });
    else if (held) this.pick("settings").focus();
    this.#wake();
  }

  #qualityMenu() {
    const { engine } = this;
    const found = engine.qualities();
    const automatic = engine.automatic();
    const now = found.find((one) => one.id === engine.quality());
    const current = now ? quality(now.width, now.height) : "";
    const choices = [...found].reverse().map((one) => ({ id: String(one.id), label: quality(one.width, one.height), hint: this.#cost(one), value: one.id }));
    choices.unshift({ id: "auto", label: "Auto", hint: automatic ? current : "", value: "auto" });
    this.#radios("quality", choices, automatic ? "auto" : String(now?.id ?? this.chosen), (value) => {
      this.chosen = String(value);
      engine.choose(value);
      setTimeout(() => this.refresh(), 0);
    });
    this.pick("badge").textContent = current;
  }

  // The film's own numbers where it gives them: manifests name peaks, and viewers pay for averages.
  #cost(one) {
    const said = this.asset?.renditions?.find((each) => each.width === one.width && each.height === one.height);
    const seconds = (this.asset?.duration_ms || 0) / 1000;
    const sound = this.asset?.has_audio === false ? 0 : SOUND_BPS;
    return dataUse(said ? said.bitrate_bps + sound : one.bitrate, seconds) || bitrate(one.bitrate);
  }

  #audioMenu() {
    const tracks = this.engine.audio();
    const choices = tracks.map((track) => ({ id: String(track.id), label: track.label || track.language || `Sound ${track.id + 1}`, value: track.id }));
    this.#radios("audio", choices.length > 1 ? choices : [], String(this.engine.audioId()), (id) => this.engine.chooseAudio(id));
  }

  // The page's own tracks where it has any: engines add the manifest's, which are the same captions once more.
  #captionTracks() {
    const own = [...this.video.querySelectorAll("track[data-own]")].map((element) => element.track);
    return (own.length ? own : [...this.video.textTracks]).filter((track) => ["captions", "subtitles"].includes(track.kind));
  }

  #captionMenu() {
    const tracks = this.#captionTracks();
    const shown = tracks.findIndex((track) => track.mode === "showing");
    const choices = tracks.map((track, id) => ({ id: String(id), label: track.label || track.language || `Captions ${id + 1}`, value: id }));
    if (choices.length) choices.unshift({ id: "-1", label: "Off", value: -1 });
    this.#radios("captions", choices, String(shown), (id) => this.#showCaptions(id));
    const button = this.pick("captions");
    button.hidden = !tracks.length;
    button.setAttribute("aria-pressed", String(shown >= 0));
  }

  #showCaptions(id) {
    this.#captionTracks().forEach((track, index) => { track.mode = index === id ? "showing" : "disabled"; });
    if (id >= 0) this.lastCaptions = id;
    this.#captionMenu();
  }

  #toggleCaptions() {
    const shown = this.#captionTracks().some((track) => track.mode === "showing");
    if (this.#captionTracks().length) this.#showCaptions(shown ? -1 : this.lastCaptions || 0);
  }

  #speeds() {
    const choices = SPEEDS.map((speed) => ({ id: String(speed), label: speed === 1 ? "Normal" : `${speed}×`, value: speed }));
    this.#radios("speed", choices, "1", (speed) => { this.video.playbackRate = speed; });
  }

  // One group of the menu: radio buttons, drawn anew only when they differ, so that focus is not lost under the user.
  #radios(name, choices, chosen, choose) {
    const group = this.menu.querySelector(`[data-group="${name}"]`);
    const drawing = JSON.stringify(choices.map(({ id, label, hint }) => [id, label, hint]));
    group.hidden = !choices.length;
    if (group.dataset.drawing !== drawing) {
      const focused = group.contains(document.activeElement) ? document.activeElement.value : null;
      group.dataset.drawing = drawing;
      group.querySelector("[data-choices]").replaceChildren(...choices.map((choice) => radio(name, choice)));
      if (focused !== null) group.querySelector(`input[value="${focused}"]`)?.focus();
    }
    group.onchange = (event) => choose(choices.find((choice) => choice.id === event.target.value).value);
    for (const input of group.querySelectorAll("input")) input.checked = input.value === chosen;
  }
}

function radio(name, choice) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name, value: choice.id });
  const text = Object.assign(document.createElement("span"), { textContent: choice.label });
  const hint = Object.assign(document.createElement("small"), { textContent: choice.hint || "" });
  label.append(input, text, hint);
  return label;
}

// Keys belong to a control that uses them itself: text and radios always, sliders their arrows, buttons their space.
function isBusy(event) {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  if (event.key === "Escape") return false;
  if (target instanceof HTMLInputElement && target.type === "range") return /^(Arrow|Home|End|Page)/.test(event.key) && target.dataset.control === "volume";
  if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) return target.type !== "radio" || /^(Arrow| )/.test(event.key);
  return target instanceof HTMLButtonElement && event.key === " ";
}
