/* Temperature, vibration and power over the last hour, day or week: three charts with one time axis and one cursor. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import * as api from "../api.js";
import { h, oncePerFrame, replace, token } from "../dom.js";
import { moment, now, number } from "../format.js";
import { t } from "../i18n.js";
import { problemText } from "../problems.js";
import { keepFitting, timeAxis, valueAxis, withGaps } from "./chart.js";
import { vibrationG } from "./readings.js";

/** @typedef {import("../../../types").Reading} Reading */
/** @typedef {import("../../../types").ReadingSeries} ReadingSeries */
/** @typedef {"temperature_c" | "vibration_g" | "power_percent"} Field */

const HOUR_MS = 3_600_000;
const RANGES = /** @type {const} */ ({ "1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 7 * 24 * HOUR_MS });
/** @typedef {keyof typeof RANGES} RangeName */
const CHART_HEIGHT = 124;
// The server thins out to about this many points; more than a wide screen has pixels for is wasted.
const POINTS = 1200;
// Live points are appended as they come; the server's own series replaces them once in a while, thinned and in order.
const RELOAD_MS = 60_000;
// Without new points the time axis still has to move.
const SLIDE_MS = 5_000;

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
  /** @type {{measured_at: number[], fields: Record<Field, (number | null)[]>}} */
  let series = { measured_at: [], fields: { temperature_c: [], vibration_g: [], power_percent: [] } };
  let request = 0;
  let problem = "";

  const status = h("p", { class: "muted small", role: "status" });
  const panels = PANELS.map((panel) => chartPanel(panel, () => [now() - RANGES[range], now()]));
  const charts = h("div", { class: "charts" }, panels.map((panel) => panel.element));
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
  );

  const draw = oncePerFrame(() => {
    charts.hidden = series.measured_at.length === 0;
    status.textContent = problem || (charts.hidden ? t("readings.none") : "");
    const maxGap = Math.max(RANGES[range] / 60, 3 * medianStep(series.measured_at));
    for (const panel of panels) panel.show(withGaps(series.measured_at, series.fields[panel.field], maxGap));
  });

  async function load() {
    const mine = ++request;
    const to = new Date(now()).toISOString();
    const from = new Date(now() - RANGES[range]).toISOString();
    const query = new URLSearchParams({ from, to, points: String(POINTS) });
    try {
      /** @type {ReadingSeries} */
      const loaded = await api.get(`/api/machines/${machineId}/readings?${query}`);
      if (mine !== request) return;
      series = loaded;
      problem = "";
      draw();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      if (mine !== request) return;
      problem = problemText(error);
      draw();
    }
  }

  /** @param {Reading | null} reading the newest one */
  function append(reading) {
    if (!reading) return;
    const time = Date.parse(reading.measured_at);
    const last = series.measured_at.at(-1);
    if (last !== undefined && time <= last) return;
    series.measured_at.push(time);
    series.fields.temperature_c.push(reading.temperature_c);
    series.fields.vibration_g.push(vibrationG(reading));
    series.fields.power_percent.push(reading.power_percent);
    draw();
  }

  const timers = [setInterval(load, RELOAD_MS), setInterval(draw, SLIDE_MS)];
  load();
  return {
    element,
    append,
    leave() {
      request++;
      timers.forEach(clearInterval);
      panels.forEach((panel) => panel.end());
    },
  };
}

/**
 * @param {(typeof PANELS)[number]} panel
 * @param {() => [number, number]} span of time shown, in epoch ms
 */
function chartPanel({ field, label, unit, digits, colour, minSpan }, span) {
  const reading = h("span", { class: "chart-value" });
  const place = h("div", { class: "chart", role: "img", "aria-label": t(label) });
  const element = h("div", { class: "chart-panel" }, h("p", { class: "chart-head" }, h("span", { class: `chart-key chart-key-${field}` }), h("span", null, t(label)), reading), place);
  /** @type {[number[], (number | null)[]]} */
  let data = [[], []];

  /** @param {number | null | undefined} index under the cursor; without one the newest value */
  function showValue(index) {
    const at = index ?? data[1].findLastIndex((value) => value !== null);
    const value = data[1][at];
    if (value === null || value === undefined) replace(reading, "–");
    else replace(reading, h("strong", null, number(value, digits)), ` ${unit}`, h("span", { class: "muted small" }, ` ${moment(data[0][at])}`));
  }

  const fitting = keepFitting(
    place,
    (width) =>
      new uPlot(
        {
          width,
          height: CHART_HEIGHT,
          ms: 1,
          padding: [8, 8, 0, 0],
          legend: { show: false },
          cursor: { sync: { key: "readings" }, drag: { x: false, y: false }, points: { size: 7 } },
          scales: { x: { time: true, range: span }, y: { range: (_, low, high) => padded(low, high, minSpan) } },
          axes: [timeAxis(), valueAxis((value) => number(value, minSpan < 1 ? 2 : 0))],
          series: [{}, { stroke: token(colour), width: 1.75, points: { show: false }, spanGaps: false }],
          hooks: { setCursor: [(chart) => showValue(chart.cursor.idx)] },
        },
        data,
        place,
      ),
  );
  return {
    element,
    field,
    /** @param {[number[], (number | null)[]]} shown */
    show(shown) {
      data = shown;
      fitting.current()?.setData(data);
      showValue(fitting.current()?.cursor.idx);
    },
    end: fitting.end,
  };
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

/** @param {number[]} times */
function medianStep(times) {
  const steps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
  return steps[steps.length >> 1] ?? 0;
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
