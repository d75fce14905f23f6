// Four players behind one face: play(name, url) starts, `seen` says what came of it. Only for tests/e2e/test_players.py.
const video = document.getElementById("v");
const seen = (window.seen = { heights: [], errors: [], captions: 0, audio: 0 });
const height = (value) => { if (value && seen.heights.at(-1) !== value) seen.heights.push(value); };
video.addEventListener("error", () => seen.errors.push(`media ${video.error?.code} ${video.error?.message}`));
const LOW_BPS = 300000;

const players = {
  async "hls.js"(url) {
    const hls = new Hls({ maxBufferLength: 4, abrEwmaDefaultEstimate: LOW_BPS });
    hls.on(Hls.Events.ERROR, (_, problem) => problem.fatal && seen.errors.push(problem.details));
    hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => height(hls.levels[level].height));
    hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, (_, { subtitleTracks }) => { seen.captions = subtitleTracks.length; });
    hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, (_, { audioTracks }) => { seen.audio = audioTracks.length; });
    hls.loadSource(url);
    hls.attachMedia(video);
    await video.play();
  },
  async shaka(url) {
    shaka.polyfill.installAll();
    const player = new shaka.Player();
    await player.attach(video);
    player.configure({ streaming: { bufferingGoal: 4 }, abr: { defaultBandwidthEstimate: LOW_BPS } });
    const now = () => height(player.getVariantTracks().find((track) => track.active)?.height);
    for (const name of ["adaptation", "variantchanged"]) player.addEventListener(name, now);
    player.addEventListener("error", (event) => seen.errors.push(`shaka ${event.detail.code}`));
    await player.load(url);
    now();
    seen.captions = player.getTextTracks().length;
    seen.audio = player.getAudioTracks().length;
    await video.play();
  },
  async "dash.js"(url) {
    const player = dashjs.MediaPlayer().create();
    player.updateSettings({ streaming: { buffer: { bufferTimeDefault: 4, bufferTimeAtTopQuality: 4 }, abr: { initialBitrate: { video: LOW_BPS / 1000 } } } });
    player.on("error", (event) => seen.errors.push(`dash.js ${event.error?.code} ${event.error?.message}`));
    player.on("qualityChangeRendered", (event) => { if (event.mediaType === "video") height(event.newRepresentation?.height); });
    player.on("streamInitialized", () => {
      seen.captions = player.getTracksFor("text").length;
      seen.audio = player.getTracksFor("audio").length;
      height(player.getCurrentRepresentationForType("video")?.height);
    });
    player.initialize(video, url, true);
  },
  async "video.js"(url) {
    const options = { muted: true, html5: { vhs: { overrideNative: true, bandwidth: LOW_BPS, enableLowInitialPlaylist: true, limitRenditionByPlayerDimensions: false } } };
    const player = videojs(video, options);
    // Its buffer keeps its own size: with less in it than its low water line it never chooses a better quality.
    player.on("error", () => seen.errors.push(`video.js ${player.error().message}`));
    const type = url.endsWith(".mpd") ? "application/dash+xml" : "application/vnd.apple.mpegurl";
    player.src({ src: url, type });
    player.one("playing", () => {
      const { playlists } = player.tech({ IWillNotUseThisInPlugins: true }).vhs;
      const now = () => height(playlists.media()?.attributes.RESOLUTION?.height);
      now();
      playlists.on("mediachange", now);
    });
    // Its lists fill while the film plays.
    window.count = () => {
      seen.captions = Array.from(player.textTracks()).filter((track) => ["captions", "subtitles"].includes(track.kind)).length;
      seen.audio = player.audioTracks().length;
    };
    await player.play();
  },
};

window.play = (name, url) => players[name](url).catch((error) => seen.errors.push(`${error?.message || error?.code || error}`));
window.count = () => {};
window.look = () => { window.count(); return state(); };
const state = () => ({ ...seen, time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, sound: video.webkitAudioDecodedByteCount, width: video.videoWidth });
