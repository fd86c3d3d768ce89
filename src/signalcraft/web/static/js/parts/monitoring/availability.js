/* How much of the last 30 days the system answered, seen from outside. */

import * as api from "../../api.js";
import { h, replace } from "../../dom.js";
import { duration, fullMoment, number } from "../../format.js";
import { t } from "../../i18n.js";
import { problemText } from "../../problems.js";
import { panel } from "../listing.js";

/** @typedef {{began_at: string, ended_at: string | null, cause: string}} Incident */
/** @typedef {{goal: number, availability: number | null, budget_s: number, failed_s: number, unknown_s: number, incidents: Incident[]}} Availability */

/**
 * Fills the section; it is asked for again with the charts.
 * @param {HTMLElement} place
 */
export async function loadAvailability(place) {
  try {
    const { data } = await api.get("/api/monitoring/availability");
    replace(place, panel(t("availability.title"), content(data)));
  } catch (error) {
    replace(place, panel(t("availability.title"), h("p", { class: "form-problem", role: "alert" }, problemText(error))));
  }
}

/** @param {Availability} found */
function content(found) {
  if (found.availability === null) return h("p", { class: "muted" }, t("availability.none"));
  const share = t("availability.share", { share: percent(found.availability), goal: percent(found.goal) });
  const used = t("availability.of_budget", { used: duration(found.failed_s), budget: duration(found.budget_s) });
  return h(
    "div",
    null,
    h("p", { class: found.availability >= found.goal ? "well" : "unwell" }, share),
    h("p", null, `${t("availability.budget")}: ${used} · ${t("availability.unknown")}: ${duration(found.unknown_s)}`),
    found.incidents.length > 0 &&
      h("details", null, h("summary", null, `${t("availability.incidents")} (${found.incidents.length})`), h("ul", null, found.incidents.map(item))),
  );
}

/** @param {Incident} incident */
function item({ began_at, ended_at, cause }) {
  return h("li", null, `${fullMoment(began_at)} – ${ended_at === null ? t("availability.lasting") : fullMoment(ended_at)} · ${cause}`);
}

/** Rounded down: 99.9 % is not shown for less. @param {number} share */
const percent = (share) => `${number(Math.floor(share * 1e5) / 1e3, 3)} %`;
