/* How much of the last 30 days the system answered, seen from outside: in all, by journey, and when it did not. */

import * as api from "../../api.js";
import { h, replace } from "../../dom.js";
import { duration, fullMoment, number } from "../../format.js";
import { t, wordOf } from "../../i18n.js";
import { problemText } from "../../problems.js";
import { panel } from "../listing.js";

/** @typedef {{began_at: string, ended_at: string | null, cause: string, journeys: string[]}} Incident */
/** @typedef {{name: string, tried: number, failed: number, availability: number, mean_s: number, ok: boolean | null, detail: string}} Journey */
/** @typedef {{goal: number, availability: number | null, budget_s: number, failed_s: number, unknown_s: number, journeys: Journey[], incidents: Incident[]}} Availability */

/**
 * Fills the section; it is asked for again with the charts.
 * @param {HTMLElement} place
 */
export async function loadAvailability(place) {
  // What somebody has opened stays open.
  const isOpen = place.querySelector("details")?.open ?? false;
  try {
    const { data } = await api.get("/api/monitoring/availability");
    replace(place, panel(t("availability.title"), content(data, isOpen)));
  } catch (error) {
    replace(place, panel(t("availability.title"), h("p", { class: "form-problem", role: "alert" }, problemText(error))));
  }
}

/**
 * @param {Availability} found
 * @param {boolean} isOpen whether the incidents are shown
 */
function content(found, isOpen) {
  if (found.availability === null) return h("p", { class: "muted" }, t("availability.none"));
  const share = t("availability.share", { share: percent(found.availability), goal: percent(found.goal) });
  const used = t("availability.of_budget", { used: duration(found.failed_s), budget: duration(found.budget_s) });
  return h(
    "div",
    null,
    h("p", { class: found.availability >= found.goal ? "well" : "unwell" }, share),
    h("p", null, `${t("availability.budget")}: ${used} · ${t("availability.unknown")}: ${duration(found.unknown_s)}`),
    h("div", { class: "table-scroll" }, journeyTable(found)),
    found.incidents.length > 0 &&
      h(
        "details",
        { open: isOpen },
        h("summary", null, `${t("availability.incidents")} (${found.incidents.length})`),
        h("ul", { class: "plain" }, found.incidents.map(item)),
      ),
  );
}

/** @param {Availability} found */
function journeyTable({ journeys, goal }) {
  const titles = [
    t("availability.journey"),
    t("availability.now"),
    t("availability.thirty_days"),
    t("availability.failed"),
    t("availability.mean"),
  ];
  return h(
    "table",
    { class: "figures" },
    h("thead", null, h("tr", null, titles.map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", null, journeys.map((journey) => row(journey, goal))),
  );
}

/**
 * @param {Journey} journey
 * @param {number} goal
 */
function row(journey, goal) {
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, wordOf("journey", journey.name)),
    h("td", null, state(journey)),
    h("td", { class: `figure ${journey.availability >= goal ? "well" : "unwell"}` }, percent(journey.availability)),
    h("td", { class: "figure" }, `${number(journey.failed, 0)} / ${number(journey.tried, 0)}`),
    h("td", { class: "figure" }, `${number(journey.mean_s, 2)} s`),
  );
}

/** @param {Journey} journey */
function state({ ok, detail }) {
  if (ok === null) return "–";
  return h("span", { class: ok ? "well" : "unwell", title: detail || null }, t(ok ? "availability.succeeds" : "availability.fails"));
}

/** @param {Incident} incident */
function item({ began_at, ended_at, cause, journeys }) {
  const until = ended_at === null ? t("availability.lasting") : fullMoment(ended_at);
  const names = journeys.map((name) => wordOf("journey", name)).join(", ");
  return h("li", null, [`${fullMoment(began_at)} – ${until}`, names, cause].filter(Boolean).join(" · "));
}

/** Rounded down: 99.9 % is not shown for less. @param {number} share */
const percent = (share) => `${number(Math.floor(share * 1e5) / 1e3, 3)} %`;
