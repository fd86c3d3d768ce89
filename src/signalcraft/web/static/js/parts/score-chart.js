/* How unusual each clip sounded, as a multiple of the machine's own limit, over time. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { h, oncePerFrame, token } from "../dom.js";
import { number } from "../format.js";
import { t } from "../i18n.js";
import { keepFitting, timeAxis, valueAxis } from "./chart.js";
import { heardAt } from "./verdict.js";

/** @typedef {import("../../../types").AnalysisSummary} AnalysisSummary */

const CHART_HEIGHT = 190;
const POINT_PX = 4.5;
const TOUCH_PX = 24;

/** @param {(analysisId: string) => void} choose */
export function scoreChart(choose) {
  /** @type {AnalysisSummary[]} */
  let scored = [];
  /** @type {string | null} */
  let chosen = null;
  const place = h("div", { class: "chart", role: "img", "aria-label": t("score.label") });
  const empty = h("p", { class: "muted small" }, t("score.none"));
  const element = h("div", { class: "chart-panel" }, h("p", { class: "chart-head muted small" }, t("score.label")), place, empty);

  const fitting = keepFitting(
    place,
    (width) =>
      new uPlot(
        {
          width,
          height: CHART_HEIGHT,
          ms: 1,
          padding: [10, 10, 0, 0],
          legend: { show: false },
          cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
          scales: { x: { time: true, range: timeRange }, y: { distr: 3, log: 10, range: (_, low, high) => ratioRange(low, high) } },
          axes: [timeAxis(), ratioAxis()],
          series: [{}, { stroke: token("--line-strong"), width: 1, points: { show: false } }],
          hooks: { draw: [drawLimit, drawPoints], ready: [listen] },
        },
        columns(),
        place,
      ),
  );

  /** @returns {[number[], number[]]} */
  function columns() {
    return [scored.map(heardAt), scored.map((analysis) => analysis.ratio ?? 0)];
  }

  /** @param {uPlot} chart */
  function drawLimit(chart) {
    const y = Math.round(chart.valToPos(1, "y", true));
    const { left, width } = chart.bbox;
    const context = chart.ctx;
    context.save();
    context.strokeStyle = token("--red");
    context.fillStyle = token("--red");
    context.lineWidth = devicePixelRatio * 1.5;
    context.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(left + width, y);
    context.stroke();
    context.font = `${12 * devicePixelRatio}px ${token("--font")}`;
    context.textAlign = "left";
    context.textBaseline = "bottom";
    context.fillText(t("score.limit"), left + 4 * devicePixelRatio, y - 3 * devicePixelRatio);
    context.restore();
  }

  /** Circles are within the limit, diamonds beyond. @param {uPlot} chart */
  function drawPoints(chart) {
    const context = chart.ctx;
    const size = POINT_PX * devicePixelRatio;
    context.save();
    for (const analysis of scored) {
      const x = chart.valToPos(heardAt(analysis), "x", true);
      const y = chart.valToPos(analysis.ratio ?? 0, "y", true);
      const beyond = analysis.verdict === "anomalous";
      context.beginPath();
      if (beyond) {
        context.moveTo(x, y - size * 1.4);
        context.lineTo(x + size * 1.4, y);
        context.lineTo(x, y + size * 1.4);
        context.lineTo(x - size * 1.4, y);
        context.closePath();
      } else {
        context.arc(x, y, size * 0.8, 0, 2 * Math.PI);
      }
      context.fillStyle = token(beyond ? "--red" : "--green");
      context.fill();
      if (analysis.id === chosen) {
        context.beginPath();
        context.arc(x, y, size * 2.2, 0, 2 * Math.PI);
        context.strokeStyle = token("--text");
        context.lineWidth = 2 * devicePixelRatio;
        context.stroke();
      }
    }
    context.restore();
  }

  /** @param {uPlot} chart */
  function listen(chart) {
    chart.over.addEventListener("click", () => {
      const index = chart.cursor.idx;
      if (index === null || index === undefined || !scored[index]) return;
      const distance = Math.abs(chart.valToPos(chart.data[0][index], "x") - (chart.cursor.left ?? 0));
      if (distance <= TOUCH_PX) choose(scored[index].id);
    });
  }

  const draw = oncePerFrame(() => {
    empty.hidden = scored.length > 0;
    place.hidden = scored.length === 0;
    fitting.current()?.setData(columns());
  });

  return {
    element,
    /**
     * @param {AnalysisSummary[]} analyses newest first
     * @param {string | null} chosenId
     */
    show(analyses, chosenId) {
      chosen = chosenId;
      scored = analyses
        .filter((analysis) => analysis.ratio !== null && analysis.ratio > 0)
        .sort((a, b) => heardAt(a) - heardAt(b));
      draw();
    },
    leave: fitting.end,
  };
}

/**
 * Room around the points: the newest must not stick to the edge, and a single one needs a width at all.
 * @param {uPlot} _
 * @param {number} low epoch ms
 * @param {number} high
 * @returns {[number, number]}
 */
function timeRange(_, low, high) {
  const room = Math.max((high - low) * 0.03, 30_000);
  return [low - room, high + room];
}

/**
 * Powers of ten that hold the limit and all points.
 * @param {number | null} low
 * @param {number | null} high
 * @returns {[number, number]}
 */
function ratioRange(low, high) {
  return [Math.min(0.1, 10 ** Math.floor(Math.log10(low ?? 0.1))), Math.max(10, (high ?? 1) * 1.5)];
}

/** Labels and lines at powers of ten only: uPlot would draw all nine steps of each. */
function ratioAxis() {
  const axis = valueAxis(tickLabel);
  /** @type {uPlot.Axis.Filter} */
  const decades = (_, splits) => splits.map((split) => (isDecade(split) ? split : null));
  return { ...axis, filter: decades, grid: { ...axis.grid, filter: decades } };
}

/** @param {number} value */
function isDecade(value) {
  const decade = Math.log10(value);
  return Math.abs(decade - Math.round(decade)) < 1e-6;
}

/** @param {number} value */
function tickLabel(value) {
  return `×${number(value, Math.max(0, -Math.round(Math.log10(value))))}`;
}
