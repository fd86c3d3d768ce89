/* The health score, 0 to 100, with what it is made of. */

import { h } from "../dom.js";
import { number } from "../format.js";
import { t, textOf, wordOf } from "../i18n.js";

/** @typedef {import("../../../types").Health} Health */

/** @param {Health} health */
export function healthView(health) {
  return h(
    "div",
    { class: "health" },
    h("h3", null, t("health.title")),
    h("p", { class: "health-head" }, healthScore(health)),
    h("p", { class: "small" }, textOf(health.reason)),
    health.terms.length > 0 &&
      h(
        "ul",
        { class: "health-terms" },
        health.terms.map((term) =>
          h(
            "li",
            null,
            h("span", { class: "health-term" }, h("strong", null, wordOf("field", term.field)), ` ${number(term.points, 1)} / ${number(term.of, 0)}`),
            h("meter", { min: 0, max: term.of, value: term.points, low: term.of * 0.6, high: term.of * 0.8, optimum: term.of, "aria-label": wordOf("field", term.field) }),
            h("span", { class: "muted small" }, textOf(term.reason)),
          ),
        ),
      ),
  );
}

/**
 * The number with its word; a dash where there is nothing to judge by.
 * @param {Health} health
 */
export function healthScore({ score, band }) {
  if (score === null || band === null) return h("span", { class: "health-score" }, "–");
  return h("span", { class: `health-score health-${band}` }, h("strong", null, number(score, 0)), ` / 100 · ${t(`health.${band}`)}`);
}
