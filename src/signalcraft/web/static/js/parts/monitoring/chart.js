/* A chart of some numbers of the system over the last hours, with a line where another release began to answer. */

import uPlot from "../../../vendor/uplot/uPlot.esm.js";
import { h, replace, token } from "../../dom.js";
import { moment } from "../../format.js";
import { keepFitting, timeAxis, valueAxis } from "../chart.js";

/** @typedef {{label: string, section: string, name: string, scale?: number}} Line `scale` is what its values are multiplied by */
/** @typedef {{taken_at: number[], numbers: Record<string, (number | null)[]>}} Columns */
/** @typedef {{hours: number, span_s: number, sections: Record<string, Columns>, releases: {seen_at: string, colour: string, release: string}[]}} History */

const HEIGHT = 150;
const COLOURS = ["--series-1", "--series-2", "--series-3"];
const HOUR_MS = 3_600_000;
// A gap of more than three points is a time without samples, not a line.
const GAP_POINTS = 3;

/**
 * @param {string} title
 * @param {Line[]} lines at most three
 * @param {(value: number) => string} label of a value with its unit
 */
export function systemChart(title, lines, label) {
  /** @type {History | null} */
  let history = null;
  const values = h("span", { class: "chart-value small" });
  const place = h("div", { class: "chart", role: "img", "aria-label": title });
  const element = h("section", { class: "panel system-chart" }, h("h2", { class: "chart-title" }, title), values, place);

  /** @returns {[number[], ...(number | null)[][]]} */
  function data() {
    const columns = lines.map((line) => history?.sections[line.section]);
    const times = [...new Set(columns.flatMap((one) => one?.taken_at ?? []))].sort((a, b) => a - b);
    const gap = GAP_POINTS * Math.max(history?.span_s ?? 0, 30) * 1000;
    const breaks = times.flatMap((time, at) => (at > 0 && time - times[at - 1] > gap ? [times[at - 1] + 1] : []));
    const all = [...times, ...breaks].sort((a, b) => a - b);
    return [all, ...lines.map((line, at) => valuesAt(all, columns[at], line))];
  }

  /** @param {number | null | undefined} index under the cursor; without one the newest values */
  function showValues(index) {
    const shown = data();
    const parts = lines.map(({ label: name }, at) => {
      const column = shown[at + 1];
      const value = index === null || index === undefined ? column.findLast((one) => one !== null) : column[index];
      return h(
        "span",
        { class: "chart-pair" },
        h("span", { class: `chart-key chart-key-${at + 1}`, "aria-hidden": "true" }),
        h("span", { class: "muted" }, name),
        h("strong", null, value === null || value === undefined ? "–" : label(value)),
      );
    });
    replace(values, ...parts, index !== null && index !== undefined && h("span", { class: "muted" }, moment(shown[0][index])));
  }

  /** @param {uPlot} chart */
  function drawReleases(chart) {
    const { top, height } = chart.bbox;
    const context = chart.ctx;
    context.save();
    context.strokeStyle = context.fillStyle = token("--muted");
    context.lineWidth = devicePixelRatio;
    context.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const { seen_at } of history?.releases ?? []) {
      const x = Math.round(chart.valToPos(Date.parse(seen_at), "x", true));
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, top + height);
      context.stroke();
      context.beginPath();
      context.moveTo(x - 4 * devicePixelRatio, top);
      context.lineTo(x + 4 * devicePixelRatio, top);
      context.lineTo(x, top + 6 * devicePixelRatio);
      context.fill();
    }
    context.restore();
  }

  const fitting = keepFitting(
    place,
    (width) =>
      new uPlot(
        {
          width,
          height: HEIGHT,
          ms: 1,
          padding: [8, 10, 0, 0],
          legend: { show: false },
          cursor: { sync: { key: "monitoring" }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
          scales: {
            x: { time: true, range: () => [Date.now() - (history?.hours ?? 1) * HOUR_MS, Date.now()] },
            y: { range: (_, _low, high) => [0, high ? high * 1.15 : 1] },
          },
          axes: [timeAxis(), { ...valueAxis(label), size: 62 }],
          series: [{}, ...lines.map((_, at) => ({ stroke: token(COLOURS[at]), width: 1.5, points: { show: false }, spanGaps: false }))],
          hooks: { draw: [drawReleases], setCursor: [(chart) => showValues(chart.cursor.idx)] },
        },
        data(),
        place,
      ),
  );
  showValues(null);
  return {
    element,
    /** @param {History} seen */
    show(seen) {
      history = seen;
      fitting.current()?.setData(data());
      showValues(fitting.current()?.cursor.idx);
    },
    end: fitting.end,
  };
}

/**
 * @param {number[]} times
 * @param {Columns | undefined} columns
 * @param {Line} line
 */
function valuesAt(times, columns, { name, scale = 1 }) {
  const column = columns?.numbers[name] ?? [];
  const known = new Map(columns?.taken_at.map((time, at) => [time, column[at] ?? null]));
  return times.map((time) => {
    const value = known.get(time) ?? null;
    return value === null ? null : value * scale;
  });
}
