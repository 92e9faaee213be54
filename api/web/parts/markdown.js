// Markdown as safe HTML. Nothing a model writes becomes markup of its own: its HTML is shown as text, and what is left
// goes through DOMPurify.
import { DOMPurify, Marked } from "../vendor/markdown.js";

const TAGS = [
  "a", "b", "blockquote", "br", "button", "code", "del", "div", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5",
  "h6", "hr", "i", "input", "li", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead",
  "tr", "ul",
];
const ATTRIBUTES = ["class", "href", "title", "start", "align", "type", "checked", "disabled", "data-copy", "tabindex", "aria-label"];
const SAFE = { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES, ALLOW_DATA_ATTR: false, ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#)/i };

let highlighter = null;

/** Colours of code come later than its text: the highlighter is the largest file, and many answers have no code. */
async function loadHighlighter() {
  ({ hljs: highlighter } = await import("../vendor/highlight.js"));
}

const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ text }) => (/^<br\s*\/?>$/i.test(text) ? "<br>" : escape(text)),
    // A picture would have to be fetched from elsewhere.
    image: ({ href, text }) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
    heading({ tokens, depth }) {
      // The page has the first two levels for itself.
      const level = Math.min(depth + 2, 6);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
    code: ({ text, lang }) => figure(text, (lang ?? "").split(/\s/)[0].toLowerCase()),
    checkbox: ({ checked }) => `<input type="checkbox" disabled ${checked ? "checked" : ""} aria-label="${checked ? "done" : "to do"}"> `,
  },
});

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer");
});

/** The text's top-level parts, so that while it grows only the last one is drawn again. */
export function partsOf(text) {
  const tokens = marked.lexer(text);
  const { links } = tokens;
  return tokens
    .filter(({ type }) => type !== "space" && type !== "def")
    .map((token) => ({ raw: token.raw, html: () => htmlOf(token, links) }));
}

function htmlOf(token, links) {
  const html = marked.parser(Object.assign([token], { links }));
  return purifier.sanitize(html, SAFE);
}

/** Whether code can be shown in colour now; calls back once where it can't yet. */
export function whenColoured(callback) {
  if (highlighter === null) void loadHighlighter().then(callback, () => {});
}

function figure(text, language) {
  const label = language || "text";
  return (
    `<figure class="code"><figcaption><span>${escape(label)}</span>` +
    `<button type="button" class="code-copy" data-copy="">Copy</button></figcaption>` +
    `<pre tabindex="0" aria-label="${escape(label)} code"><code>${coloured(text, language)}</code></pre></figure>`
  );
}

function coloured(text, language) {
  if (!highlighter?.getLanguage(language)) return escape(text);
  return highlighter.highlight(text, { language, ignoreIllegals: true }).value;
}

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (text) => text.replace(/[&<>"']/g, (char) => ESCAPES[char]);
