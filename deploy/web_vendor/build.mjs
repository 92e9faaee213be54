// Bundles the pinned packages into api/web/vendor: one small ES module each, with versions, licences and sizes.
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { ENTRIES } from "./entries.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../../api/web/vendor");
const modules = join(here, "node_modules");

async function bundle(file, code) {
  const options = { bundle: true, format: "esm", minify: true, target: "es2022", legalComments: "none" };
  const result = await build({ ...options, stdin: { contents: code, resolveDir: here }, write: false });
  await writeFile(join(target, file), result.outputFiles[0].contents);
  return gzipSync(result.outputFiles[0].contents, { level: 9 }).length;
}

async function describe(name) {
  const about = JSON.parse(await readFile(join(modules, name, "package.json")));
  const license = await readFile(join(modules, name, name === "idb-keyval" ? "LICENCE" : "LICENSE"), "utf8");
  return { name, version: about.version, license: about.license, text: license.trim() };
}

const rows = [];
const texts = [];
for (const [file, { packages, code }] of Object.entries(ENTRIES)) {
  const size = await bundle(file, code);
  const found = await Promise.all(packages.map(describe));
  const names = found.map(({ name, version, license }) => `${name} ${version} (${license})`).join(", ");
  rows.push(`| \`${file}\` | ${names} | ${(size / 1000).toFixed(1)} kB |`);
  texts.push(...found.map(({ name, version, text }) => `${name} ${version}\n\n${text}\n`));
}
await copyFile(join(modules, "uplot/dist/uPlot.min.css"), join(target, "uplot.css"));
await writeFile(join(target, "LICENSES.txt"), texts.join(`\n${"-".repeat(80)}\n\n`));
await writeFile(
  join(target, "README.md"),
  `# What the page is built with

Bundled from npm by \`deploy/web_vendor\`: pin versions in its \`package.json\`, then run
\`npm install && node build.mjs\` there. Nobody who only uses Pensieve needs to. The licences' texts are in \`LICENSES.txt\`.

| file | packages | gzipped |
| --- | --- | --- |
${rows.join("\n")}
| \`uplot.css\` | uplot, as it comes | |
`,
);
console.log(rows.join("\n"));
