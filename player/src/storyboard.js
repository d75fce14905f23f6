// Small pictures over the seek bar: asset.json's storyboard, a WebVTT file whose cues name parts of a tile
// ("stream_x_1.jpg#xywh=0,0,160,90"). Fetched when somebody first points at the bar; without one nothing is shown.

const CUE = /(?:(\d+):)?(\d{2}):(\d{2})\.(\d{3})\s+-->\s+(?:(\d+):)?(\d{2}):(\d{2})\.(\d{3})[^\n]*\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)/g;
const WIDTH = 168;

export function parse(text, base) {
  return [...text.replace(/\r\n?/g, "\n").matchAll(CUE)].map((found) => {
    const [start, end] = [found.slice(1, 5), found.slice(5, 9)].map(seconds);
    const [x, y, width, height] = found.slice(10, 14).map(Number);
    return { start, end, url: new URL(found[9], base).href, x, y, width, height };
  });
}

function seconds([hours, minutes, whole, milliseconds]) {
  return Number(hours || 0) * 3600 + Number(minutes) * 60 + Number(whole) + Number(milliseconds) / 1000;
}

export class Storyboard {
  constructor(box) {
    this.box = box;
    this.picture = box.querySelector("img");
    this.use(null);
  }

  use(url) {
    this.url = url;
    this.cues = null;
    this.box.hidden = true;
  }

  // The picture at a time, `left` pixels from the edge of a bar that is `wide` pixels.
  async show(time, left, wide) {
    const wanted = (this.wanted = {});
    const cues = await this.#load();
    const cue = cues.find((one) => time >= one.start && time < one.end) || cues.at(-1);
    if (this.wanted !== wanted) return; // the pointer has moved on, or left
    if (!cue) return this.hide();
    const scale = WIDTH / cue.width;
    const { style } = this.box;
    style.width = `${WIDTH}px`;
    style.height = `${Math.round(cue.height * scale)}px`;
    style.left = `${Math.max(0, Math.min(wide - WIDTH, left - WIDTH / 2))}px`;
    if (this.picture.src !== cue.url) this.picture.src = cue.url;
    this.picture.style.transform = `scale(${scale}) translate(${-cue.x}px, ${-cue.y}px)`;
    this.box.hidden = false;
  }

  hide() {
    this.wanted = null;
    this.box.hidden = true;
  }

  #load() {
    if (!this.url) return Promise.resolve([]);
    this.cues ??= fetchCues(this.url);
    return this.cues;
  }
}

async function fetchCues(url) {
  try {
    const answer = await fetch(url, { credentials: "same-origin" });
    return answer.ok ? parse(await answer.text(), url) : [];
  } catch {
    return [];
  }
}
