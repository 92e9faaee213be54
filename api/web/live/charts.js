// The last minutes as charts.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { bytes, count, seconds } from "../core/format.js";
import { theme } from "../core/theme.js";
import { history } from "./history.js";

const CHARTS = [
  { title: "Tokens a second", format: count, series: [["Writing", "decode_tokens_per_s", "--chart-1"], ["Reading", "prefill_tokens_per_s", "--chart-2"]] },
  { title: "Requests", format: count, series: [["Running", "running", "--chart-1"], ["Waiting", "waiting", "--chart-2"]] },
  { title: "Time to the first token", format: seconds, series: [["Median", "first_token_s", "--chart-1"]] },
  { title: "Memory", format: bytes, series: [["Conversations", "kv_bytes", "--chart-1"], ["Cache", "cache_bytes", "--chart-2"]] },
];
const HEIGHT = 150;
const SPANS_S = { least: 60, most: 300 };

let loading = null;

/** The library comes when a chart is first wanted. */
function loadLibrary() {
  loading ??= import("../vendor/uplot.js").then(({ uPlot }) => uPlot);
  return loading;
}

export function Charts() {
  const [uPlot, setLibrary] = useState(null);
  const dark = useDarkness();
  useEffect(() => {
    let wanted = true;
    void loadLibrary().then((found) => wanted && setLibrary(() => found));
    return () => {
      wanted = false;
    };
  }, []);
  return html`<section class="charts" aria-label="The last five minutes">
    ${CHARTS.map((chart) => html`<figure class="panel chart" key=${chart.title}>
      <figcaption><h2>${chart.title}</h2><${Legend} series=${chart.series} format=${chart.format} /></figcaption>
      ${uPlot && html`<${Plot} key=${dark} uPlot=${uPlot} chart=${chart} />`}
    </figure>`)}
  </section>`;
}

function Legend({ series, format }) {
  const columns = history.value;
  return html`<ul class="legend">
    ${series.map(([label, name, colour]) => html`<li>
      <span class="swatch" style=${{ background: `var(${colour})` }}></span>${label}
      <strong>${format(columns[name].at(-1) ?? null)}</strong>
    </li>`)}
  </ul>`;
}

function Plot({ uPlot, chart }) {
  const place = useRef(null);
  const plot = useRef(null);
  useEffect(() => {
    const element = place.current;
    const drawn = new uPlot(optionsOf(chart, element), dataOf(chart), element);
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
    };
  }, []);
  useEffect(() => void plot.current?.setData(dataOf(chart)), [history.value]);
  return html`<div class="plot" ref=${place} aria-hidden="true"></div>`;
}

const dataOf = ({ series }) => [history.value.at, ...series.map(([, name]) => history.value[name])];

function optionsOf({ series, format }, place) {
  const colour = (name) => colourOf(place, name);
  const axis = { stroke: colour("--muted"), font: "11px system-ui", ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { range: spanOf }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, values: (_, times) => times.map(clock), incrs: [30, 60], space: 40, size: 28 },
      { ...axis, values: (_, values) => values.map((value) => format(value)), size: 62, space: 34 },
    ],
    series: [{}, ...series.map(([label, , name]) => ({ label, stroke: colour(name), width: 2, points: { show: false }, spanGaps: false }))],
  };
}

/** Up to now, by the server's clock; a service that was watched only briefly gets the whole width all the same. */
function spanOf() {
  const times = history.value.at;
  const now = times.at(-1) ?? Date.now() / 1_000;
  const length_s = Math.min(SPANS_S.most, Math.max(SPANS_S.least, now - (times[0] ?? now)));
  return [now - length_s, now];
}

/** A canvas knows no variables: the browser says what they come to. */
function colourOf(place, name) {
  place.style.color = `var(${name})`;
  return getComputedStyle(place).color;
}

function clock(time_s) {
  const time = new Date(time_s * 1_000);
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return time.getSeconds() === 0 ? time.toLocaleTimeString([], options) : `:${time.getSeconds()}`;
}

/** Charts are painted, not styled: they are made anew where the theme changes. */
function useDarkness() {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const [system, setSystem] = useState(query.matches);
  useEffect(() => {
    const onChange = () => setSystem(query.matches);
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, []);
  return theme.value === "auto" ? system : theme.value === "dark";
}
