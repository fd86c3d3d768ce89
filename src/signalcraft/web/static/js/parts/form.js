/* Forms: labelled fields, problems beside the field that they are about, one request at a time. */

import { ApiError } from "../api.js";
import { h } from "../dom.js";
import { fieldProblems, problemText } from "../problems.js";

/** @typedef {HTMLInputElement | HTMLSelectElement} Control */
/** @typedef {{name: string, control: Control, element: HTMLElement, problem: HTMLElement}} Field */
/** @typedef {Record<string, string | boolean>} Values */

/** Fields of all forms of a page have different ids. */
let count = 0;

/**
 * @param {string} name as the server calls it
 * @param {string} label
 * @param {Record<string, any>} [attributes] of the input; `hint` is a sentence below it
 * @returns {Field}
 */
export function field(name, label, { hint, ...attributes } = {}) {
  const id = `field-${name}-${++count}`;
  return labelled(name, label, h("input", { id, name, ...attributes }), hint);
}

/**
 * @param {string} name
 * @param {string} label
 * @param {{value: string | number, text: string}[]} options
 * @param {string | number} [chosen]
 * @returns {Field}
 */
export function choice(name, label, options, chosen) {
  const id = `field-${name}-${++count}`;
  const entries = options.map(({ value, text }) => h("option", { value, selected: value === chosen }, text));
  return labelled(name, label, h("select", { id, name }, entries));
}

/**
 * @param {string} name
 * @param {string} label
 * @param {Control} control
 * @param {string} [hint]
 * @returns {Field}
 */
function labelled(name, label, control, hint) {
  const problem = h("span", { class: "field-problem", id: `${control.id}-problem` });
  const note = hint && h("span", { class: "muted small", id: `${control.id}-hint` }, hint);
  control.setAttribute("aria-describedby", [note && note.id, problem.id].filter(Boolean).join(" "));
  const ticked = control.type === "checkbox";
  const caption = h("label", { for: control.id }, label);
  const element = h("div", { class: ticked ? "field field-ticked" : "field" }, ticked ? [control, caption] : [caption, control], note, problem);
  return { name, control, element, problem };
}

/**
 * @param {object} parts
 * @param {Field[]} parts.fields
 * @param {string} parts.button
 * @param {(values: Values) => Promise<unknown>} parts.send text is trimmed, passwords are not; empty fields are left out
 * @param {string} [parts.kind] class of the button
 * @param {(error: ApiError) => string | null} [parts.explain] a better sentence for some refusals
 * @param {(elements: HTMLElement[]) => import("../dom.js").Child[]} [parts.layout] groups the fields
 */
export function form({ fields, button, send, kind = "primary", explain = () => null, layout = (elements) => elements }) {
  const submit = h("button", { class: `button ${kind}`, type: "submit" }, button);
  const problem = h("p", { class: "form-problem", role: "alert" });

  /** @param {SubmitEvent} event */
  async function onsubmit(event) {
    event.preventDefault();
    clear(fields);
    problem.textContent = "";
    submit.disabled = true;
    try {
      await send(valuesOf(fields));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!showAtFields(fields, fieldProblems(error))) problem.textContent = explain(error) ?? problemText(error);
    } finally {
      submit.disabled = false;
      for (const { control } of fields) if (control.type === "password") control.value = "";
    }
  }

  return h("form", { class: "form", onsubmit }, layout(fields.map(({ element }) => element)), problem, submit);
}

/** @param {Field[]} fields */
function clear(fields) {
  for (const { control, problem } of fields) {
    control.removeAttribute("aria-invalid");
    problem.textContent = "";
  }
}

/**
 * @param {Field[]} fields
 * @param {Map<string, string>} problems
 * @returns {boolean} whether all of them have their place; the first gets the focus
 */
function showAtFields(fields, problems) {
  const wrong = fields.filter(({ name }) => problems.has(name));
  for (const { name, control, problem } of wrong) {
    control.setAttribute("aria-invalid", "true");
    problem.textContent = problems.get(name) ?? "";
  }
  wrong[0]?.control.focus();
  return problems.size > 0 && wrong.length === problems.size;
}

/**
 * @param {Field[]} fields
 * @returns {Values}
 */
function valuesOf(fields) {
  /** @type {Values} */
  const values = {};
  for (const { name, control } of fields) {
    if (control instanceof HTMLInputElement && control.type === "checkbox") values[name] = control.checked;
    else {
      const text = control.type === "password" ? control.value : control.value.trim();
      if (text) values[name] = text;
    }
  }
  return values;
}
