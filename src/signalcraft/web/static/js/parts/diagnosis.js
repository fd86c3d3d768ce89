/* What is wrong, how probably, and what speaks for and against it. */

import { h } from "../dom.js";
import { number } from "../format.js";
import { t, textOf } from "../i18n.js";

/** @typedef {import("../../../types").ConditionFound} ConditionFound */

const SHOWN_FROM = 0.05;
const EVIDENCE_SHOWN = 6;

/** @param {ConditionFound[]} conditions the most probable first */
export function diagnosisList(conditions) {
  const shown = conditions.filter((one, place) => place === 0 || one.probability >= SHOWN_FROM);
  return h(
    "section",
    { class: "conditions", "aria-labelledby": "conditions-title" },
    h("h3", { id: "conditions-title" }, t("diagnosis.title")),
    h("ol", { class: "condition-list" }, shown.map(conditionItem)),
  );
}

/**
 * @param {ConditionFound} found
 * @param {number} place
 */
function conditionItem(found, place) {
  // As the sentence says it: never certain, and no finer than such a judgement is.
  const percent = `${number(Math.min(Math.max(Math.round(found.probability * 20) * 5, 5), 95), 0)} %`;
  const evidence = found.evidence.slice(0, EVIDENCE_SHOWN);
  return h(
    "li",
    { class: "condition" },
    h(
      "p",
      { class: "condition-head" },
      h("strong", null, textOf(found.title)),
      h("span", { class: "condition-share" }, percent),
    ),
    h("meter", { min: 0, max: 1, value: found.probability, "aria-label": `${textOf(found.title)}: ${percent}` }),
    evidence.length > 0 &&
      h(
        "details",
        { class: "evidence", open: place === 0 },
        h("summary", null, t("diagnosis.evidence")),
        h("ul", null, evidence.map(({ weight, text }) => h("li", { class: weight > 0 ? "for" : "against" }, h("span", { "aria-label": t(weight > 0 ? "diagnosis.for" : "diagnosis.against") }, weight > 0 ? "+" : "−"), " ", textOf(text)))),
      ),
  );
}
