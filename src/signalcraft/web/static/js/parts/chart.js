/* What all charts share: looks from the style sheet, time axis in the chosen language, following the width. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { token } from "../dom.js";
import { day } from "../format.js";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** @returns {uPlot.Axis} */
export function timeAxis() {
  return {
    ...axisLooks(),
    size: 26,
    space: 72,
    values: (_, splits) => splits.map((split) => timeLabel(split, splits.length > 1 ? splits[1] - splits[0] : DAY_MS)),
  };
}

/**
 * @param {(value: number) => string} label
 * @returns {uPlot.Axis}
 */
export function valueAxis(label) {
  // As wide as "1,000": charts below each other then share their left edge.
  return { ...axisLooks(), size: 48, space: 28, values: (_, splits) => splits.map((split) => (split === null ? "" : label(split))) };
}

/** @returns {uPlot.Axis} */
function axisLooks() {
  return {
    stroke: token("--muted"),
    font: `12px ${token("--font")}`,
    grid: { stroke: token("--line"), width: 1 },
    ticks: { show: false },
    gap: 5,
  };
}

/**
 * The date where a new day begins, else the time of day.
 * @param {number} time epoch ms
 * @param {number} step between labels, in ms
 */
function timeLabel(time, step) {
  const midnight = new Date(time).getHours() === 0 && new Date(time).getMinutes() === 0;
  if (midnight || step >= DAY_MS) return day(time);
  // Neighbours within a minute would otherwise read the same.
  return new Date(time).toTimeString().slice(0, step < MINUTE_MS ? 8 : 5);
}

/**
 * Keeps a chart as wide as its container, and redraws it when the system changes between light and dark.
 * @param {HTMLElement} container
 * @param {(width: number) => uPlot} make
 * @returns {{current: () => uPlot | null, remake: () => void, end: () => void}}
 */
export function keepFitting(container, make) {
  /** @type {uPlot | null} */
  let chart = null;
  const remake = () => {
    chart?.destroy();
    chart = container.clientWidth > 0 ? make(container.clientWidth) : null;
  };
  const resized = new ResizeObserver(() => {
    if (!chart) remake();
    else if (chart.width !== container.clientWidth) chart.setSize({ width: container.clientWidth, height: chart.height });
  });
  resized.observe(container);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", remake);
  return {
    current: () => chart,
    remake,
    end() {
      resized.disconnect();
      scheme.removeEventListener("change", remake);
      chart?.destroy();
    },
  };
}
