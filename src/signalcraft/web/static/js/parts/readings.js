/* The newest reading of a machine as a row of values with its age. */

import { h } from "../dom.js";
import { ageElement, number } from "../format.js";
import { t } from "../i18n.js";

/** @typedef {import("../../../types").Reading} Reading */

const STANDARD_GRAVITY = 9.80665;

/**
 * Length of the acceleration vector in g, or null when an axis is missing.
 * @param {Reading} reading
 */
export function vibrationG(reading) {
  const { vibration_x: x, vibration_y: y, vibration_z: z } = reading;
  if (x === null || y === null || z === null) return null;
  const length = Math.hypot(x, y, z);
  return reading.vibration_unit === "g" ? length : length / STANDARD_GRAVITY;
}

/** @param {Reading | null} reading */
export function readingsRow(reading) {
  if (!reading) return h("p", { class: "muted small" }, t("reading.none"));
  return h(
    "div",
    { class: "readings" },
    h(
      "dl",
      { class: "reading-values" },
      value(t("reading.temperature"), reading.temperature_c, 1, "°C", isBad(reading, "temperature_c")),
      value(
        t("reading.vibration"),
        vibrationG(reading),
        2,
        "g",
        ["vibration_x", "vibration_y", "vibration_z"].some((field) => isBad(reading, field)),
      ),
      value(t("reading.power"), reading.power_percent, 0, "%", isBad(reading, "power_percent")),
    ),
    h("p", { class: "muted small" }, t("reading.measured"), " ", ageElement(reading.measured_at)),
  );
}

/**
 * @param {string} label
 * @param {number | null} amount
 * @param {number} digits
 * @param {string} unit
 * @param {boolean} bad
 */
function value(label, amount, digits, unit, bad) {
  const shown = amount === null ? "–" : number(amount, digits);
  return h(
    "div",
    { class: "reading" },
    h("dt", null, label),
    bad
      ? h("dd", { class: "reading-bad" }, t("reading.bad"))
      : h("dd", null, shown, amount !== null && h("span", { class: "unit" }, unit)),
  );
}

/**
 * @param {Reading} reading
 * @param {string} field
 */
function isBad(reading, field) {
  return reading.quality?.[field]?.code === "bad";
}
