// Look again and again: every two seconds while the page is seen, not at all while it is hidden, less often while
// looking fails. One look at a time; stop() also gives up the one under way.

const EVERY_MS = 2000;
const LONGEST_MS = 15_000;

// look(signal) may resolve to the milliseconds until the next look. failed(error) is told of what it throws.
export function poll(look, failed) {
  let timer = 0;
  let stopped = false;
  let failures = 0;
  let under = null; // AbortController of the look under way
  let again = false;

  async function turn() {
    clearTimeout(timer);
    if (stopped || document.hidden) return;
    if (under) {
      again = true;
      return;
    }
    under = new AbortController();
    let wait = EVERY_MS;
    try {
      wait = (await look(under.signal)) || EVERY_MS;
      failures = 0;
    } catch (error) {
      if (stopped) return;
      failures += 1;
      wait = Math.min(LONGEST_MS, EVERY_MS * 2 ** (failures - 1));
      failed(error);
    } finally {
      under = null;
    }
    if (stopped) return;
    timer = setTimeout(turn, again ? 0 : wait);
    again = false;
  }

  document.addEventListener("visibilitychange", turn);
  turn();
  return {
    now: turn,
    stop() {
      stopped = true;
      clearTimeout(timer);
      under?.abort();
      document.removeEventListener("visibilitychange", turn);
    },
  };
}
