// Words and numbers as people read them. Values in, text out; nothing here touches the page.

export function clock(seconds) {
  if (!Number.isFinite(seconds)) return "0:00";
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const [hours, minutes, rest] = parts;
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export function spokenTime(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const units = [[Math.floor(whole / 3600), "hour"], [Math.floor((whole % 3600) / 60), "minute"], [whole % 60, "second"]];
  const said = units.filter(([count, unit]) => count || unit === "second");
  return said.map(([count, unit]) => `${count} ${unit}${count === 1 ? "" : "s"}`).join(" ");
}

export function bitrate(bitsPerSecond) {
  if (!bitsPerSecond) return "";
  if (bitsPerSecond < 1e6) return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
  return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
}

// What watching all of a film in one quality costs; people's tariffs count in these.
export function dataUse(bitsPerSecond, seconds) {
  const megabytes = (bitsPerSecond * seconds) / 8e6;
  if (!Number.isFinite(megabytes) || megabytes <= 0) return "";
  if (megabytes < 0.95) return `${Math.max(1, Math.round(megabytes * 1000))} kB`;
  if (megabytes < 10) return `${megabytes.toFixed(1)} MB`;
  return megabytes < 950 ? `${Math.round(megabytes)} MB` : `${(megabytes / 1000).toFixed(1)} GB`;
}

// "720p" names a quality by the shorter side, so that a portrait film's qualities have the names people know.
export function quality(width, height) {
  return height ? `${Math.min(width || height, height)}p` : "Sound only";
}

export function day(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

export function facts(asset) {
  const best = (asset.renditions || []).reduce((top, one) => (one.height > (top?.height || 0) ? one : top), null);
  const captions = (asset.captions || []).map((one) => one.label || one.language).join(", ");
  return [
    asset.duration_ms ? clock(asset.duration_ms / 1000) : "",
    best ? `up to ${quality(best.width, best.height)}` : "",
    asset.has_audio === false ? "silent" : "",
    captions ? `captions: ${captions}` : "",
    asset.published_at ? `published ${day(asset.published_at)}` : "",
  ].filter(Boolean);
}

// What the page says when there is no film to show. `retry` is the label of the button, `wait` the seconds to the next look.
export const NOTICES = {
  home: {
    title: "Which film would you like to see?",
    text: "Enter the name from your playback link. It is the part after “asset=”.",
  },
  loading: { title: "One moment…", text: "" },
  processing: {
    title: "This film is still being prepared",
    text: "It will start here by itself as soon as it is ready. You can leave this page open.",
    wait: 4,
  },
  notfound: {
    title: "We have no film with this name",
    text: "Please check the link. If the film was uploaded a moment ago, try again shortly.",
    retry: "Look again",
  },
  rejected: {
    title: "This film could not be accepted",
    text: "The uploaded file cannot be turned into a film. Its owner has been told why.",
  },
  failed: {
    title: "Something went wrong on our side",
    text: "This film could not be prepared. The people who run this service have been told; nothing is wrong with your device.",
    retry: "Look again",
  },
  removed: { title: "This film has been removed", text: "Its owner has taken it down." },
  forbidden: { title: "You are not allowed to see this film", text: "Your permission may have run out. Sign in again, or ask whoever sent you the link for a new one.", retry: "Try again" },
  network: {
    title: "We cannot reach the film",
    text: "Your connection may be down, or the service may be busy.",
    retry: "Try again",
  },
  playback: { title: "Playback stopped", text: "The film could not be played any further.", retry: "Try again" },
};
