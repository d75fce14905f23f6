// Read asset.json. An asset id in, { state, asset, base, manifests } out; every way it can go wrong is a state, never an
// exception. With a run (1a2b3c4d5e-r1) it is the asset.json of that run's own folder, published or not: a preview for
// whoever is to approve it, whose manifests lie beside it.

const PLAIN_ID = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,199}$/;
const PLAIN_RUN = /^[0-9a-f]{1,40}-r[1-9][0-9]{0,5}$/;
const NOT_PUBLISHED = ["processing", "rejected", "failed", "removed"];

export async function readAsset(id, run) {
  if (!PLAIN_ID.test(id) || (run !== null && !PLAIN_RUN.test(run))) return { state: "notfound" };
  const base = new URL(`/a/${id}/asset.json`, location.href);
  const url = run === null ? base : new URL(`/a/${id}/v/${run}/asset.json`, location.href);
  let answer;
  try {
    answer = await fetch(url, { cache: "no-cache", credentials: "same-origin" });
  } catch {
    return { state: "network" };
  }
  if (answer.status === 404) return { state: "notfound" };
  if (answer.status === 403) return { state: "forbidden" };
  if (!answer.ok) return { state: "network" };
  try {
    return { ...withState(await answer.json(), base), manifests: url };
  } catch {
    return { state: "failed" };
  }
}

function withState(asset, url) {
  if (asset.status === "published") return { state: "ready", asset, base: url };
  return { state: NOT_PUBLISHED.includes(asset.status) ? asset.status : "failed", asset, base: url };
}

// asset.json's addresses are relative to where the asset's own stands. Those of another host are not followed: CSP would
// stop them anyway.
export function address(found, uri, base = found.base) {
  if (!uri) return null;
  const url = new URL(uri, base);
  return url.origin === location.origin ? url.href : null;
}
