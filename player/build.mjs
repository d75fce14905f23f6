// Build the player page: src/ and two players from node_modules in, dist/ out.
//
// No bundler. hls.js and Shaka Player arrive ready built, our own modules are few and need no translation, so all that
// is left is to copy files under names that hold a hash of their content (they are cached for a year) and to write
// those names where they are mentioned. A name that is mentioned but missing stops the build.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const dist = join(here, "dist");

// What the page mentions -> where it comes from. Shaka's DASH-only build: HLS is hls.js's part here.
const libraries = {
  "hls.js": join(modules, "hls.js/dist/hls.min.js"),
  "hls-worker.js": join(modules, "hls.js/dist/hls.worker.js"),
  "shaka.js": join(modules, "shaka-player/dist/shaka-player.dash-es2021.js"),
};
const licences = ["hls.js", "shaka-player"];

const written = new Map(); // plain name -> hashed name

function write(name, text) {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  const hashed = name.replace(/(\.\w+)$/, `.${hash}$1`);
  writeFileSync(join(dist, "player", hashed), text);
  written.set(name, hashed);
}

function hashedName(name) {
  if (!written.has(name)) throw new Error(`${name} is mentioned but was not built (or imports form a circle)`);
  return written.get(name);
}

// Our modules import each other as "./name.js"; those they import must be written first, for their hash.
function writeModule(name) {
  if (written.has(name)) return;
  const text = readFileSync(join(here, "src", name), "utf8");
  for (const [, imported] of text.matchAll(/from "\.\/([\w-]+\.js)"/g)) writeModule(imported);
  write(name, text.replace(/from "\.\/([\w-]+\.js)"/g, (_, imported) => `from "./${hashedName(imported)}"`));
}

function withoutSourceMap(path) {
  return readFileSync(path, "utf8").replace(/\n\/\/# sourceMappingURL=\S+\s*$/, "\n");
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, "player"), { recursive: true });
for (const [name, path] of Object.entries(libraries)) write(name, withoutSourceMap(path));
for (const name of readdirSync(join(here, "src")).sort()) {
  if (name.endsWith(".js")) writeModule(name);
  else if (!name.endsWith(".html")) write(name, readFileSync(join(here, "src", name), "utf8"));
}
write("licences.txt", licences.map((name) => `${name}\n\n${readFileSync(join(modules, name, "LICENSE"), "utf8")}`).join("\n\n"));

// Under its own name: the distribution answers with it where a viewer may not see a film.
const forbidden = { error: "FORBIDDEN", message: "You may not see this film, or your permission has run out." };
writeFileSync(join(dist, "player", "403.json"), `${JSON.stringify(forbidden)}\n`);

const html = readFileSync(join(here, "src/index.html"), "utf8");
writeFileSync(join(dist, "index.html"), html.replace(/\{\{([\w.-]+)\}\}/g, (_, name) => `/player/${hashedName(name)}`));
console.log([...written.values()].map((name) => `dist/player/${name}`).join("\n"));
