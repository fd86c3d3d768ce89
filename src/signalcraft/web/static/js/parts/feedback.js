/* What people say of a result: one tap, or a correction with its reason; and what was said before. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { moment } from "../format.js";
import { t, textOf, wordOf } from "../i18n.js";
import * as live from "../live.js";
import { problemText } from "../problems.js";
import * as store from "../store.js";

/** @typedef {import("../../../types").Analysis} Analysis */
/** @typedef {import("../../../types").Condition} Condition */
/** @typedef {import("../../../types").Label} Label */
/** @typedef {import("../../../types").LabelVerdict} LabelVerdict */

/** @type {Promise<Condition[]> | null} */
let conditions = null;

/** The names of what can be wrong, asked for once. */
function knownConditions() {
  conditions ??= api.get("/api/conditions").then(
    (answer) => answer.conditions,
    (error) => {
      conditions = null;
      throw error;
    },
  );
  return conditions;
}

/** @param {Analysis} analysis */
export function feedback(analysis) {
  const address = `/api/analyses/${encodeURIComponent(analysis.id)}/labels`;
  const anomalous = analysis.verdict === "anomalous";
  const reason = h("input", { name: "reason", maxlength: 1000, "aria-label": t("label.reason"), placeholder: t("label.reason") });
  const problem = h("p", { class: "form-problem", role: "alert" });
  const history = h("ul", { class: "label-history" });
  const choice = h("select", { name: "condition", "aria-label": t("label.condition") });
  const correction = h(
    "form",
    { class: "correction", hidden: true, onsubmit: correct },
    choice,
    h("button", { class: "button primary", type: "submit" }, t("action.save")),
  );
  /** @type {LabelVerdict[]} */
  const oneTap = anomalous ? ["fixed", "dismiss", "watch", "confirm"] : ["confirm"];
  const buttons = oneTap.map((verdict) =>
    h("button", { class: `button label-button label-${verdict}`, type: "button", "data-focus": `label-${verdict}`, onclick: () => send(verdict) }, wordOf(anomalous ? "label" : "label.normal", verdict)),
  );
  const other = h("button", { class: "button label-button", type: "button", "aria-expanded": "false", onclick: openCorrection }, t(anomalous ? "label.other" : "label.wrong"));
  const element = h(
    "section",
    { class: "feedback", "aria-labelledby": "feedback-title" },
    h("h3", { id: "feedback-title" }, t(anomalous ? "label.question" : "label.question_normal")),
    h("div", { class: "label-buttons" }, buttons, other),
    correction,
    reason,
    problem,
    history,
  );

  async function openCorrection() {
    correction.hidden = !correction.hidden;
    other.setAttribute("aria-expanded", String(!correction.hidden));
    if (choice.options.length > 0) return;
    const known = await attempt(knownConditions);
    if (!known) return;
    const names = known.filter(({ name }) => name !== analysis.condition);
    replace(
      choice,
      names.map(({ name, title }) => h("option", { value: name }, textOf(title))),
      anomalous && h("option", { value: "healthy" }, t("label.healthy")),
    );
  }

  /** @param {SubmitEvent} event */
  function correct(event) {
    event.preventDefault();
    send("correct", choice.value);
  }

  /**
   * @param {LabelVerdict} verdict
   * @param {string} [condition]
   */
  async function send(verdict, condition) {
    const all = [...element.querySelectorAll("button")];
    for (const button of all) button.disabled = true;
    const text = reason.value.trim();
    const done = await attempt(() => api.post(address, { verdict, ...(condition && { condition }), ...(text && { reason: text }) }));
    for (const button of all) button.disabled = false;
    if (!done) return;
    reason.value = "";
    correction.hidden = true;
    other.setAttribute("aria-expanded", "false");
    await Promise.all([load(), live.refresh()]);
  }

  async function load() {
    /** @type {{labels: Label[]} | null} */
    const answer = await attempt(() => api.get(address));
    if (!answer) return;
    const titles = new Map((await attempt(knownConditions))?.map(({ name, title }) => [name, textOf(title)]));
    titles.set("healthy", t("label.healthy"));
    replace(history, answer.labels.map((label) => historyItem(label, titles)));
  }

  /**
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T | null>}
   */
  async function attempt(work) {
    problem.textContent = "";
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem.textContent = error.status === 403 ? t("label.forbidden") : problemText(error);
      return null;
    }
  }

  load();
  const stop = store.subscribe("label", (/** @type {Label} */ label) => {
    if (label.analysis_id === analysis.id) load();
  });
  return { element, leave: stop };
}

/**
 * @param {Label} label
 * @param {Map<string, string>} titles
 */
function historyItem(label, titles) {
  const condition = label.condition && (titles.get(label.condition) ?? label.condition);
  return h(
    "li",
    { class: label.superseded ? "label-item superseded" : "label-item" },
    h("strong", null, wordOf("label", label.verdict)),
    condition && ` · ${condition}`,
    label.reason && [" · ", h("q", null, label.reason)],
    h("span", { class: "muted small" }, ` ${label.author}, ${moment(label.at)}`, label.superseded && ` · ${t("label.superseded")}`),
  );
}
