/* A button that does one thing on the server, asks again first where that can't be undone, and says what went wrong. */

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { problemText } from "../problems.js";

/**
 * @param {string} label
 * @param {() => Promise<unknown>} work
 * @param {{question?: string, kind?: string}} [options] `question` is asked first; `kind` is a class of the button
 */
export function actionButton(label, work, { question, kind = "" } = {}) {
  const problem = h("span", { class: "form-problem", role: "alert" });
  const place = h("span", { class: "action" });

  function show() {
    const button = h("button", { class: `button compact ${kind}`, type: "button", onclick: question ? ask : run }, label);
    place.replaceChildren(button, problem);
    return button;
  }

  function ask() {
    problem.textContent = "";
    const yes = h("button", { class: "button compact danger", type: "button", onclick: run }, label);
    const no = h("button", { class: "button compact", type: "button", onclick: () => show().focus() }, t("action.cancel"));
    place.replaceChildren(h("span", { class: "question", role: "alert" }, question ?? ""), yes, no);
    // Not on the dangerous one: a second press of Enter must not decide.
    no.focus();
  }

  async function run() {
    for (const button of place.querySelectorAll("button")) button.disabled = true;
    problem.textContent = "";
    try {
      await work();
      show();
    } catch (error) {
      problem.textContent = problemText(error);
      show().focus();
    }
  }

  show();
  return place;
}
