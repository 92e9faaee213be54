// What each vendored file re-exports: only what the page uses, so that the rest is shaken off.
const LANGUAGES = [
  "bash", "c", "cpp", "csharp", "css", "diff", "dockerfile", "go", "ini", "java", "javascript", "json", "kotlin",
  "makefile", "markdown", "php", "plaintext", "python", "ruby", "rust", "sql", "swift", "typescript", "xml", "yaml",
];

const identifier = (language) => `language_${language}`;

export const ENTRIES = {
  // One file, since all of these must share one preact.
  "preact.js": {
    packages: ["preact", "@preact/signals", "@preact/signals-core", "htm"],
    code: `
      import { h, render } from "preact";
      import htm from "htm";
      export { Fragment } from "preact";
      export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
      export { batch, computed, effect, signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
      export const html = htm.bind(h);
      export { render };`,
  },
  "markdown.js": {
    packages: ["marked", "dompurify"],
    code: `
      export { Marked } from "marked";
      export { default as DOMPurify } from "dompurify";`,
  },
  "highlight.js": {
    packages: ["highlight.js"],
    code: `
      import hljs from "highlight.js/lib/core";
      ${LANGUAGES.map((name) => `import ${identifier(name)} from "highlight.js/lib/languages/${name}";`).join("\n")}
      ${LANGUAGES.map((name) => `hljs.registerLanguage("${name}", ${identifier(name)});`).join("\n")}
      export { hljs };`,
  },
  "uplot.js": { packages: ["uplot"], code: `export { default as uPlot } from "uplot";` },
  "idb-keyval.js": { packages: ["idb-keyval"], code: `export { createStore, del, entries, set } from "idb-keyval";` },
};
