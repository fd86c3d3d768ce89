/* Sign-in. Shown at whatever address was asked for; that page follows when it succeeds. */

import * as api from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { brandMark } from "../parts/header.js";

/** @returns {import("../app.js").Page} */
export function signInPage() {
  const username = h("input", { id: "username", name: "username", autocomplete: "username", autocapitalize: "none", required: true });
  const password = h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true });
  const problem = h("p", { class: "form-problem", role: "alert" });
  const button = h("button", { class: "button primary wide", type: "submit" }, t("sign_in.button"));

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    problem.textContent = "";
    button.disabled = true;
    try {
      await api.signIn(username.value.trim(), password.value);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem.textContent = reason(error);
      password.value = "";
      password.focus();
    } finally {
      button.disabled = false;
    }
  }

  const element = h(
    "section",
    { class: "sign-in" },
    h(
      "div",
      { class: "sign-in-card" },
      h("div", { class: "sign-in-brand" }, brandMark(), h("h1", null, t("sign_in.title"))),
      h("p", { class: "muted" }, t("sign_in.lead")),
      h(
        "form",
        { class: "form", onsubmit: submit },
        h("label", { for: "username" }, t("sign_in.username"), username),
        h("label", { for: "password" }, t("sign_in.password"), password),
        problem,
        button,
      ),
    ),
  );
  return { element, leave() {} };
}

/** @param {api.ApiError} error */
function reason(error) {
  if (error.status === 401) return t("sign_in.wrong");
  if (error.status === 429) return t("sign_in.too_many");
  if (error.status === 0 || error.status >= 500) return t("problem.unreachable");
  return error.message;
}
