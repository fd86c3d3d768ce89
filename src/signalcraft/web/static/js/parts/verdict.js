/* What the newest analysis said, in one line; and how far learning is. */

import { h } from "../dom.js";
import { ageElement, number } from "../format.js";
import { t, textOf, wordOf } from "../i18n.js";

/** @typedef {import("../../../types").AnalysisSummary} AnalysisSummary */
/** @typedef {import("../../../types").Baseline} Baseline */

/** Signs that differ in outline, for readers who don't see the colour.
 * @type {Record<string, string>} */
const SIGN = { normal: "✓", anomalous: "◆", learning: "…", not_judged: "–", not_assessable: "?", failed: "✕", running: "◌" };

/**
 * The verdict, or how the analysis stands while there is none.
 * @param {AnalysisSummary} analysis
 */
export function verdictKey(analysis) {
  if (analysis.state === "failed") return "failed";
  if (analysis.verdict === "learning" && analysis.run_state !== "running" && analysis.run_state !== null) return "not_judged";
  return analysis.verdict ?? "running";
}

/** @param {AnalysisSummary} analysis */
export function verdictBadge(analysis) {
  const key = verdictKey(analysis);
  return h(
    "span",
    { class: `verdict verdict-${key}` },
    h("span", { "aria-hidden": "true" }, SIGN[key]),
    wordOf("verdict", key),
  );
}

/**
 * What the machine was doing; running is the rule and not said.
 * @param {AnalysisSummary} analysis
 */
export function stateTag(analysis) {
  const state = analysis.run_state;
  return state !== null && state !== "running" && h("span", { class: "tag state-tag" }, wordOf("state", state));
}

/** @param {AnalysisSummary} analysis */
export function analysisTime(analysis) {
  return analysis.measured_at ?? analysis.received_at;
}

/**
 * The same in epoch ms: the order in which the server lists analyses.
 * @param {AnalysisSummary} analysis
 */
export function heardAt(analysis) {
  return Date.parse(analysisTime(analysis));
}

/**
 * The sentence, or the reasons while there is no sentence.
 * @param {AnalysisSummary} analysis
 */
export function verdictSentence(analysis) {
  return textOf(analysis.summary) || analysis.reasons.map((reason) => wordOf("reason", reason)).join(", ");
}

/**
 * "1.4 times the limit", or an empty string without a score.
 * @param {AnalysisSummary} analysis
 */
export function ratioText(analysis) {
  return analysis.ratio === null ? "" : t("analysis.ratio", { ratio: ratioNumber(analysis.ratio) });
}

/**
 * "×1.4", as on the axis of the chart.
 * @param {AnalysisSummary} analysis
 */
export function shortRatio(analysis) {
  return analysis.ratio === null ? "" : `×${ratioNumber(analysis.ratio)}`;
}

/** @param {number} ratio */
function ratioNumber(ratio) {
  return number(ratio, ratio < 10 ? 1 : 0);
}

/**
 * @param {AnalysisSummary | null} analysis
 * @param {{withSentence: boolean, withTag: boolean}} options
 */
export function diagnosisLine(analysis, { withSentence, withTag }) {
  if (!analysis) return h("p", { class: "muted small" }, t("analysis.none"));
  return h(
    "div",
    { class: "diagnosis" },
    h(
      "p",
      { class: "diagnosis-head" },
      verdictBadge(analysis),
      stateTag(analysis),
      withTag && syntheticTag(analysis.synthetic),
      h("span", { class: "muted small" }, t("analysis.heard"), " ", ageElement(analysisTime(analysis))),
    ),
    withSentence && h("p", { class: "diagnosis-sentence" }, verdictSentence(analysis)),
  );
}

/** @param {Baseline} baseline */
export function learningProgress(baseline) {
  if (baseline.state !== "learning") return null;
  const text = t("baseline.learning", { clips: baseline.clips, needed: baseline.needed });
  return h(
    "div",
    { class: "learning" },
    h("progress", { max: baseline.needed, value: baseline.clips, "aria-label": text }),
    h("p", { class: "small" }, text),
  );
}

/** @param {boolean} synthetic */
export function syntheticTag(synthetic) {
  return synthetic && h("span", { class: "tag", title: t("synthetic.title") }, t("synthetic.tag"));
}
