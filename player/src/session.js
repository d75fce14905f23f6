// Private films: asks /session/<asset> for cookies, and asks again long before they end, so that playback never stops.
//
// The token comes from the owner's login, in the address's fragment (#token=...), which no server ever sees, and is kept
// for this tab; or it is a cookie of the login's own, which goes along by itself. open() gives { state, message }: state
// is "open", "refused" (message says why, for the viewer), "none" (there is no such door: playback is public) or
// "network".

const KEPT = "vod-token";
const SOONEST_MS = 1000;
const LATEST_MS = 30 * 60 * 1000;

export class Session {
  constructor(id) {
    this.id = id;
    this.until = 0; // when the cookies end, by this machine's clock
    this.renewals = 0;
    this.token = takeToken();
    document.addEventListener("visibilitychange", () => { if (!document.hidden && this.until) this.#renewIfLate(); });
  }

  // Several may ask at once (a playlist and a segment were refused in the same moment); one request answers them all.
  open() {
    this.asking ??= this.#ask().finally(() => { this.asking = null; });
    return this.asking;
  }

  async #ask() {
    let answer;
    try {
      const headers = this.token ? { "X-Vod-Token": this.token } : {};
      answer = await fetch(`/session/${encodeURIComponent(this.id)}`, { headers, cache: "no-store", credentials: "same-origin" });
    } catch {
      return { state: "network" };
    }
    const type = answer.headers.get("content-type") || "";
    const said = type.startsWith("application/json") ? await answer.json().catch(() => ({})) : {};
    if (answer.status === 401) return { state: "refused", message: said.message };
    if (!answer.ok || !said.expires_at) return { state: answer.status >= 500 ? "network" : "none" };
    this.#schedule((said.expires_at - said.now) * 1000);
    return { state: "open" };
  }

  // At half of their time: one request that fails leaves the other half for the next ones.
  #schedule(lifetime) {
    this.until = performance.now() + lifetime;
    this.#later(lifetime / 2);
  }

  #later(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#renew(), Math.max(SOONEST_MS, Math.min(LATEST_MS, wait)));
  }

  async #renew() {
    this.renewals += 1;
    const { state } = await this.open();
    if (state === "open") return;
    const left = this.until - performance.now();
    if (left > 0) this.#later(left / 3);
  }

  // Browsers hold timers back in tabs nobody looks at.
  #renewIfLate() {
    if (performance.now() > this.until - 2 * SOONEST_MS) this.#renew();
  }
}

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  try {
    if (given) sessionStorage.setItem(KEPT, given);
    else return sessionStorage.getItem(KEPT);
  } catch {
    // Storage may be forbidden; the token then lasts as long as the page.
  }
  if (given) history.replaceState(null, "", location.pathname + location.search); // out of sight, and of bookmarks
  return given;
}
