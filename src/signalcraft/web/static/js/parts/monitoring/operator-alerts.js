/* What the operator was told of the system itself: what lasts, each with its first step, and what is over. */

import * as api from "../../api.js";
import { h, replace } from "../../dom.js";
import { fullMoment } from "../../format.js";
import { t, textOf } from "../../i18n.js";
import { problemText } from "../../problems.js";
import { panel } from "../listing.js";

/** @typedef {{name: string, severity: "critical" | "warning", title: {ko: string, en: string}, first_step: {ko: string, en: string}, runbook: string, subject: string, seen: string, began_at: string, ended_at: string | null}} OperatorAlert */

/**
 * Fills the section; it is asked for again with the charts.
 * @param {HTMLElement} place
 */
export async function loadOperatorAlerts(place) {
  const isOpen = place.querySelector("details")?.open ?? false;
  try {
    const { data } = await api.get("/api/monitoring/operator-alerts");
    replace(place, panel(t("operator.title"), content(data, isOpen)));
  } catch (error) {
    replace(place, panel(t("operator.title"), h("p", { class: "form-problem", role: "alert" }, problemText(error))));
  }
}

/**
 * @param {{lasting: OperatorAlert[], ended: OperatorAlert[]}} alerts
 * @param {boolean} isOpen whether those that are over are shown
 */
function content({ lasting, ended }, isOpen) {
  return h(
    "div",
    null,
    lasting.length === 0 ? h("p", { class: "well" }, t("operator.none")) : h("ul", { class: "plain operator-alerts" }, lasting.map(lastingItem)),
    ended.length > 0 &&
      h("details", { open: isOpen }, h("summary", null, `${t("operator.ended")} (${ended.length})`), h("ul", { class: "plain" }, ended.map(endedItem))),
  );
}

/** @param {OperatorAlert} alert */
function lastingItem(alert) {
  const isCritical = alert.severity === "critical";
  const weight = t(isCritical ? "operator.critical" : "operator.warning");
  return h(
    "li",
    null,
    h("p", { class: isCritical ? "unwell" : "warned" }, `${weight}: ${sentence(alert)}`),
    h("p", null, `${t("operator.first_step")}: `, withCommands(textOf(alert.first_step))),
    h("p", { class: "muted small" }, `${t("operator.since", { time: fullMoment(alert.began_at) })} · docs/runbook.md#${alert.runbook}`),
  );
}

/** What stands between backticks is typed. @param {string} text */
const withCommands = (text) => text.split("`").map((part, at) => (at % 2 ? h("code", null, part) : part));

/** @param {OperatorAlert} alert */
function endedItem(alert) {
  return h("li", null, `${fullMoment(alert.began_at)} – ${fullMoment(/** @type {string} */ (alert.ended_at))} · ${sentence(alert)}`);
}

/** @param {OperatorAlert} alert */
function sentence({ title, subject, seen }) {
  return [textOf(title), subject, seen && `(${seen})`].filter(Boolean).join(" ");
}
