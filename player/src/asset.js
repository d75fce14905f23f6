// Read asset.json. An asset id in, { state, asset, base } out; every way it can go wrong is a state, never an exception.

const PLAIN_ID = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,199}$/;
const NOT_PUBLISHED = ["processing", "rejected", "failed", "removed"];

export async function readAsset(id) {
  if (!PLAIN_ID.test(id)) return { state: "notfound" };
  const url = new URL(`/a/${id}/asset.json`, location.href);
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
    return withState(await answer.json(), url);
  } catch {
    return { state: "failed" };
  }
}

function withState(asset, url) {
  if (asset.status === "published") return { state: "ready", asset, base: url };
  return { state: NOT_PUBLISHED.includes(asset.status) ? asset.status : "failed", asset, base: url };
}

// asset.json's addresses are relative to itself. Those of another host are not followed: CSP would stop them anyway.
export function address(found, uri) {
  if (!uri) return null;
  const url = new URL(uri, found.base);
  return url.origin === location.origin ? url.href : null;
}
