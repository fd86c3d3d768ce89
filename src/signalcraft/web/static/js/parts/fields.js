/* Form fields that say beside themselves what is wrong with them. */

import * as api from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";

/**
 * A labelled control with room for its problem. Its name is what the server calls it in a refusal.
 * @param {string} label
 * @param {HTMLInputElement | HTMLSelectElement} control
 */
export function field(label, control) {
  return h("label", { class: "field" }, h("span", { class: "field-label" }, label), control, problemPlace(control));
}

/** @param {HTMLInputElement | HTMLSelectElement} control */
function problemPlace(control) {
  const id = `problem-${control.name}`;
  control.setAttribute("aria-describedby", id);
  return h("span", { id, class: "form-problem field-problem" });
}

/**
 * Runs what a form is for, and shows a refusal at the fields it names, else in `general`.
 * @param {HTMLFormElement} form
 * @param {HTMLElement} general
 * @param {() => Promise<void>} work
 */
export async function submitting(form, general, work) {
  const buttons = form.querySelectorAll("button");
  clearProblems(form, general);
  buttons.forEach((button) => (button.disabled = true));
  try {
    await work();
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    showProblems(form, general, error);
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement} general
 */
function clearProblems(form, general) {
  general.textContent = "";
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  for (const place of form.querySelectorAll(".field-problem")) place.textContent = "";
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement} general
 * @param {api.ApiError} error
 */
function showProblems(form, general, error) {
  let isPlaced = false;
  for (const { field: name, message } of error.fields) {
    const control = form.elements.namedItem(name);
    if (!(control instanceof HTMLInputElement || control instanceof HTMLSelectElement)) continue;
    const place = form.querySelector(`#${CSS.escape(`problem-${name}`)}`);
    if (place) place.textContent = t("field.refused", { reason: message });
    control.setAttribute("aria-invalid", "true");
    const section = control.closest("details");
    if (section) section.open = true;
    if (!isPlaced) control.focus();
    isPlaced = true;
  }
  if (!isPlaced) general.textContent = problemText(error);
}

/** @param {api.ApiError} error */
export function problemText(error) {
  if (error.status === 0) return t("problem.unreachable");
  return error.status === 403 ? t("problem.forbidden") : error.message;
}
