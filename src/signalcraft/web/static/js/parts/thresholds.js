/* The limits on a device's readings: what is in force, what its type has by default, and changing them. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { duration, number } from "../format.js";
import { t, wordOf } from "../i18n.js";
import { field, problemText, submitting } from "./fields.js";

/** @typedef {import("../../../types").Threshold} Threshold */

const NUMBERS = /** @type {const} */ (["limit", "hysteresis", "delay_on_s", "delay_off_s"]);
const SWITCHES = /** @type {const} */ (["alarm", "enabled"]);
const LONGEST_DELAY_S = 86_400;

/**
 * @param {string} deviceId
 * @param {boolean} mayChange
 */
export function thresholdsPart(deviceId, mayChange) {
  const address = `/api/devices/${encodeURIComponent(deviceId)}/thresholds`;
  const list = h("ul", { class: "threshold-list" });
  const problem = h("p", { class: "form-problem", role: "alert" });
  const said = h("p", { class: "muted small", role: "status" });
  const form = h(
    "form",
    // The browser's own bubbles would point at fields inside closed sections.
    { class: "thresholds-form", novalidate: true, onsubmit: save },
    list,
    mayChange && h("p", null, h("button", { class: "button primary", type: "submit" }, t("action.save"))),
    problem,
    said,
  );
  const element = h(
    "details",
    { class: "panel thresholds", ontoggle: () => element.open && rows.length === 0 && load() },
    h("summary", null, h("h2", null, t("limits.title"))),
    h("p", { class: "muted small" }, t("limits.lead")),
    form,
  );
  /** @type {ReturnType<typeof thresholdRow>[]} */
  let rows = [];

  async function load() {
    try {
      const [own, known] = await Promise.all([api.get(address), api.get("/api/thresholds")]);
      const type = known.types.find((/** @type {{device_type: string}} */ { device_type }) => device_type === own.device_type);
      show(own.thresholds, type?.thresholds ?? known.defaults);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem.textContent = problemText(error);
    }
  }

  /**
   * @param {Threshold[]} inForce
   * @param {Threshold[]} ofType
   */
  function show(inForce, ofType) {
    rows = inForce.map((threshold) => thresholdRow(threshold, ofType.find(({ name }) => name === threshold.name) ?? threshold, mayChange));
    replace(list, rows.map((row) => row.element));
  }

  /** @param {SubmitEvent} event */
  function save(event) {
    event.preventDefault();
    said.textContent = "";
    submitting(form, problem, async () => {
      const changed = rows.map((row) => /** @type {const} */ ([row.name, row.difference()])).filter(([, difference]) => Object.keys(difference).length > 0);
      await api.put(address, { thresholds: Object.fromEntries(changed) });
      await load();
      said.textContent = t("limits.saved");
    });
  }

  return { element };
}

/**
 * @param {Threshold} threshold in force
 * @param {Threshold} base what the type of device has
 * @param {boolean} mayChange
 */
function thresholdRow(threshold, base, mayChange) {
  const { name, unit } = threshold;
  const numbers = NUMBERS.map((key) =>
    h("input", {
      name: `thresholds.${name}.${key}`,
      type: "number",
      step: "any",
      min: key === "limit" ? null : 0,
      max: key.startsWith("delay") ? LONGEST_DELAY_S : null,
      required: true,
      disabled: !mayChange,
      value: threshold[key],
    }),
  );
  const switches = SWITCHES.map((key) => h("input", { name: `thresholds.${name}.${key}`, type: "checkbox", disabled: !mayChange, checked: threshold[key] }));

  function toBase() {
    NUMBERS.forEach((key, index) => (numbers[index].value = String(base[key])));
    SWITCHES.forEach((key, index) => (switches[index].checked = base[key]));
  }

  const labels = [t("limits.limit"), t("limits.hysteresis"), t("limits.delay_on"), t("limits.delay_off")];
  const units = [unit, unit, "s", "s"];
  return {
    name,
    element: h(
      "li",
      null,
      h(
        "details",
        { class: "threshold" },
        h(
          "summary",
          null,
          h("strong", null, wordOf("limit", name)),
          h("span", { class: "small" }, sentence(threshold)),
          h("span", { class: "tag" }, threshold.enabled ? t(threshold.alarm ? "limits.rings" : "limits.recorded") : t("limits.off")),
          threshold.set_here && h("span", { class: "tag tag-own" }, t("limits.own")),
        ),
        h("p", { class: "muted small" }, t("limits.base", { sentence: sentence(base) })),
        h(
          "div",
          { class: "threshold-fields" },
          numbers.map((input, index) => field(units[index] ? `${labels[index]} (${units[index]})` : labels[index], input)),
        ),
        h(
          "div",
          { class: "threshold-switches" },
          h("label", null, switches[0], t("limits.alarm")),
          h("label", null, switches[1], t("limits.enabled")),
          mayChange && h("button", { class: "button quiet", type: "button", onclick: toBase }, t("limits.to_base")),
        ),
      ),
    ),
    /** What is otherwise than for the type; an emptied field is as for the type. */
    difference() {
      /** @type {Record<string, number | boolean>} */
      const difference = {};
      NUMBERS.forEach((key, index) => {
        const value = numbers[index].valueAsNumber;
        if (Number.isFinite(value) && value !== base[key]) difference[key] = value;
      });
      SWITCHES.forEach((key, index) => {
        if (switches[index].checked !== base[key]) difference[key] = switches[index].checked;
      });
      return difference;
    },
  };
}

/** "> 5 °C for 5 min"
 * @param {Threshold} threshold
 */
function sentence({ direction, limit, unit, delay_on_s }) {
  const value = `${direction === "above" ? ">" : "<"} ${number(limit, Number.isInteger(limit) ? 0 : 1)} ${unit}`.trim();
  return delay_on_s > 0 ? t("limits.lasting", { value, time: duration(delay_on_s) }) : value;
}
