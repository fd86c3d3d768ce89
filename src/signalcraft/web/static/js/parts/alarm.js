/* An open alarm: what is wrong, since when, what to do first, who has it. */

import * as api from "../api.js";
import { h } from "../dom.js";
import { ageElement, duration, moment, number } from "../format.js";
import { t, textOf, wordOf } from "../i18n.js";
import * as live from "../live.js";
import { problemText } from "../problems.js";
import { lightMark } from "./light.js";

/** @typedef {import("../../../types").Alarm} Alarm */

/**
 * @param {Alarm} alarm
 * @param {{withForm: boolean}} options whether it can be acknowledged here
 */
export function alarmPanel(alarm, { withForm }) {
  const grave = alarm.severity === "critical" || alarm.severity === "high";
  return h(
    "div",
    { class: `alarm alarm-${grave ? "grave" : "lesser"}` },
    h(
      "p",
      { class: "alarm-head" },
      lightMark(grave ? "red" : "yellow"),
      h("strong", null, t("alarm.title", { severity: wordOf("severity", alarm.severity) })),
      h("span", { class: "small" }, t("alarm.since", { time: moment(alarm.raised_at) }), " · ", ageElement(alarm.raised_at)),
      alarm.count > 1 && h("span", { class: "small" }, t("alarm.repeats", { count: alarm.count })),
    ),
    h("p", { class: "alarm-summary" }, textOf(alarm.summary)),
    alarm.reading && readingLine(alarm.reading),
    h("p", { class: "alarm-advice" }, h("span", { class: "alarm-advice-label" }, t("alarm.advice")), textOf(alarm.advice)),
    alarm.state === "active_acknowledged" ? acknowledgedLine(alarm) : withForm && acknowledgeForm(alarm),
  );
}

/** What was measured, against which limit, and since when: of an alarm that rests on readings.
 * @param {import("../../../types").ReadingEvidence} reading
 */
function readingLine({ field, value, unit, limit, since, device_id }) {
  /** @param {number} amount */
  const amountOf = (amount) => (field === "silence" ? duration(amount) : `${number(amount, Number.isInteger(amount) ? 0 : 1)} ${unit}`.trim());
  return h(
    "p",
    { class: "alarm-reading small" },
    h("strong", null, `${wordOf("field", field)} ${amountOf(value)}`),
    " · ",
    t("alarm.reading_limit", { limit: amountOf(limit) }),
    " · ",
    t("alarm.since", { time: moment(since) }),
    " · ",
    t("machine.device", { id: device_id }),
  );
}

/** @param {Alarm} alarm */
function acknowledgedLine(alarm) {
  return h(
    "p",
    { class: "alarm-owner small" },
    "✓ ",
    t("alarm.acknowledged", { name: alarm.acknowledged_by ?? "–" }),
    alarm.acknowledged_at && [" · ", ageElement(alarm.acknowledged_at)],
  );
}

/** @param {Alarm} alarm */
function acknowledgeForm(alarm) {
  const comment = h("input", { name: "comment", maxlength: 500, "aria-label": t("alarm.comment"), placeholder: t("alarm.comment") });
  const button = h("button", { class: "button primary", type: "submit", "data-focus": "acknowledge" }, t("alarm.acknowledge"));
  const problem = h("p", { class: "form-problem", role: "alert" });

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = "";
    try {
      const text = comment.value.trim();
      await api.post(`/api/alarms/${alarm.id}/acknowledge`, text ? { comment: text } : {});
      await live.refresh();
    } catch (error) {
      problem.textContent = problemText(error);
    } finally {
      button.disabled = false;
    }
  }
  return h("form", { class: "acknowledge", onsubmit: submit }, comment, button, problem);
}
