/* Temperature, vibration and power over an hour to a year: three charts with one time axis and one cursor.
 *
 * Over long times the server sends the lowest and the highest value of each step of two pixels; the band between
 * them shows every peak. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import * as api from "../api.js";
import { h, oncePerFrame, replace, token } from "../dom.js";
import { moment, now, number } from "../format.js";
import { t, wordOf } from "../i18n.js";
import { problemText } from "../problems.js";
import { keepFitting, timeAxis, valueAxis } from "./chart.js";
import { readingsExport } from "./readings-export.js";
import { appendReading, envelope } from "./series.js";

/** @typedef {import("../../../types").Reading} Reading */
/** @typedef {import("../../../types").ReadingSeries} ReadingSeries */
/** @typedef {import("./series.js").Envelope} Envelope */
/** @typedef {import("./series.js").Field} Field */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RANGES = /** @type {const} */ ({ "1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS, "1y": 365 * DAY_MS });
/** @typedef {keyof typeof RANGES} RangeName */
const CHART_HEIGHT = 124;
const MOST_POINTS = 5000;
// Live points are appended as they come; the server's own series replaces them once in a while, thinned and in order.
const RELOAD_MS = 60_000;
// Without new points the time axis still has to move.
const SLIDE_MS = 5_000;
// Of a live reading that comes after a longer silence: a line to it would claim what nobody measured.
const GAP_OF_RANGE = 1 / 60;

/** The smallest height of each scale, so that noise does not look like a mountain range.
 * @type {{field: Field, label: "reading.temperature" | "reading.vibration" | "reading.power", unit: string, digits: number, colour: string, minSpan: number}[]} */
const PANELS = [
  { field: "temperature_c", label: "reading.temperature", unit: "°C", digits: 1, colour: "--series-1", minSpan: 4 },
  { field: "vibration_g", label: "reading.vibration", unit: "g", digits: 2, colour: "--series-2", minSpan: 0.2 },
  { field: "power_percent", label: "reading.power", unit: "%", digits: 0, colour: "--series-3", minSpan: 20 },
];

/** @param {number} machineId */
export function readingsChart(machineId) {
  /** @type {RangeName} */
  let range = "1h";
  let shown = envelope(null);
  let request = 0;
  let said = "";

  const status = h("p", { class: "muted small", role: "status" });
  /** @returns {[number, number]} */
  const span = () => [now() - RANGES[range], now()];
  const panels = PANELS.map((panel) => chartPanel(panel, span));
  const charts = h("div", { class: "charts" }, panels.map((panel) => panel.element));
  const exports = readingsExport(span);
  const choice = rangeChoice(range, (chosen) => {
    range = chosen;
    load();
  });
  const element = h(
    "section",
    { class: "panel", "aria-labelledby": "readings-title" },
    h("header", { class: "panel-head" }, h("h2", { id: "readings-title" }, t("readings.title")), choice),
    status,
    charts,
    exports.element,
  );

  const draw = oncePerFrame(() => {
    charts.hidden = shown.times.length === 0;
    status.textContent = said || (charts.hidden ? t("readings.none") : "");
    for (const panel of panels) panel.show(shown);
  });

  async function load() {
    const mine = ++request;
    const [from, to] = span();
    const points = Math.min(2 * Math.max(element.clientWidth, 200), MOST_POINTS);
    const query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), points: String(points) });
    try {
      /** @type {ReadingSeries} */
      const loaded = await api.get(`/api/machines/${machineId}/readings?${query}`);
      if (mine !== request) return;
      shown = envelope(loaded);
      said = loaded.count > 0 ? described(loaded) : "";
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      if (mine !== request) return;
      said = problemText(error);
    }
    draw();
  }

  /** @param {Reading | null} reading the newest one */
  function append(reading) {
    if (reading && appendReading(shown, reading, RANGES[range] * GAP_OF_RANGE)) draw();
  }

  const timers = [setInterval(load, RELOAD_MS), setInterval(draw, SLIDE_MS)];
  load();
  return {
    element,
    append,
    /** @param {string} deviceId whose readings the person may take along */
    offerExport: exports.offer,
    leave() {
      request++;
      timers.forEach(clearInterval);
      panels.forEach((panel) => panel.end());
    },
  };
}

/**
 * What one sees: every reading, or the extremes of minutes, hours or days.
 * @param {ReadingSeries} series
 */
function described({ level, reduced, count, late }) {
  const kind = level === "raw" ? t(reduced ? "readings.extremes" : "readings.each") : t("readings.rolled_up", { level: wordOf("level", level) });
  return [kind, t("readings.count", { count: number(count, 0) }), late > 0 && t("readings.late", { count: number(late, 0) })].filter(Boolean).join(" · ");
}

/**
 * @param {(typeof PANELS)[number]} panel
 * @param {() => [number, number]} span of time shown, in epoch ms
 */
function chartPanel({ field, label, unit, digits, colour, minSpan }, span) {
  const reading = h("span", { class: "chart-value" });
  const place = h("div", { class: "chart", role: "img", "aria-label": t(label) });
  const element = h("div", { class: "chart-panel" }, h("p", { class: "chart-head" }, h("span", { class: `chart-key chart-key-${field}` }), h("span", null, t(label)), reading), place);
  /** Times, highest and lowest values.
   * @type {[number[], (number | null)[], (number | null)[]]} */
  let data = [[], [], []];

  /** @param {number | null | undefined} index under the cursor; without one the newest value */
  function showValue(index) {
    const at = index ?? data[1].findLastIndex((value) => value !== null);
    const [high, low] = [data[1][at], data[2][at]];
    if (high === null || high === undefined || low === null) {
      replace(reading, "–");
      return;
    }
    const [lowest, highest] = [number(low, digits), number(high, digits)];
    replace(
      reading,
      h("strong", null, lowest === highest ? highest : `${lowest} – ${highest}`),
      ` ${unit}`,
      h("span", { class: "muted small" }, ` ${moment(data[0][at])}`),
    );
  }

  const fitting = keepFitting(place, (width) => {
    const line = { stroke: token(colour), width: 1.5, points: { show: false, size: 4, filter: isolated }, spanGaps: false };
    return new uPlot(
      {
        width,
        height: CHART_HEIGHT,
        ms: 1,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: "readings" }, drag: { x: false, y: false }, points: { size: 7 } },
        scales: { x: { time: true, range: span }, y: { range: (_, low, high) => padded(low, high, minSpan) } },
        axes: [timeAxis(), valueAxis((value) => number(value, minSpan < 1 ? 2 : 0))],
        series: [{}, line, line],
        bands: [{ series: [1, 2], fill: `${token(colour)}40` }],
        hooks: { setCursor: [(chart) => showValue(chart.cursor.idx)] },
      },
      data,
      place,
    );
  });
  return {
    element,
    /** @param {Envelope} envelope */
    show({ times, high, low }) {
      data = [times, high[field], low[field]];
      fitting.current()?.setData(data);
      showValue(fitting.current()?.cursor.idx);
    },
    end: fitting.end,
  };
}

/**
 * Values between two gaps: no line would show them, so they get a dot.
 * @param {uPlot} chart
 * @param {number} series
 */
function isolated(chart, series) {
  const values = chart.data[series];
  const found = [...values.keys()].filter((at) => values[at] != null && values[at - 1] == null && values[at + 1] == null);
  return found.length > 0 ? found : null;
}

/**
 * @param {number | null} low
 * @param {number | null} high
 * @param {number} minSpan
 * @returns {[number, number]}
 */
function padded(low, high, minSpan) {
  if (low === null || high === null) return [0, minSpan];
  const span = Math.max((high - low) * 1.15, minSpan);
  const middle = (low + high) / 2;
  return [middle - span / 2, middle + span / 2];
}

/**
 * @param {RangeName} initial
 * @param {(range: RangeName) => void} choose
 */
function rangeChoice(initial, choose) {
  const names = /** @type {RangeName[]} */ (Object.keys(RANGES));
  return h(
    "fieldset",
    { class: "segments" },
    h("legend", { class: "visually-hidden" }, t("readings.range")),
    names.map((name) =>
      h(
        "label",
        null,
        h("input", { type: "radio", name: "range", value: name, checked: name === initial, onchange: () => choose(name) }),
        h("span", null, t(`range.${name}`)),
      ),
    ),
  );
}
