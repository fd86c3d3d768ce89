/* The pages that links in mails lead to: an address confirmed, a password chosen anew. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { language, t } from "../i18n.js";
import { forgetLinkToken, linkToken } from "../navigation.js";
import { doneMessage, entrance, linkToSignIn } from "../parts/entrance.js";
import { field, form } from "../parts/form.js";
import { fieldProblems, problemText } from "../problems.js";

/** @typedef {import("../app.js").Page} Page */

/** @returns {Page} */
export function forgotPasswordPage() {
  const place = h("div", { class: "entrance-steps" });
  const email = field("email", t("register.email"), { type: "email", autocomplete: "email", maxlength: 254, required: true });
  replace(
    place,
    h("p", { class: "muted" }, t("forgot.lead")),
    form({
      fields: [email],
      button: t("forgot.button"),
      kind: "primary wide",
      async send(values) {
        await api.post("/api/auth/forgot-password", { ...values, language: language() });
        replace(place, doneMessage(t("forgot.done")));
      },
    }),
    linkToSignIn(),
  );
  return { element: entrance(t("forgot.title"), place), leave() {} };
}

/** @returns {Page} */
export function resetPasswordPage() {
  const place = h("div", { class: "entrance-steps" });
  const password = field("password", t("reset.password"), { type: "password", autocomplete: "new-password", minlength: 8, maxlength: 128, required: true, hint: t("register.password_hint") });
  replace(
    place,
    h("p", { class: "muted" }, t("reset.lead")),
    form({
      fields: [password],
      button: t("reset.button"),
      kind: "primary wide",
      async send(values) {
        await api.post("/api/auth/reset-password", { ...values, token: linkToken() });
        forgetLinkToken();
        replace(place, doneMessage(t("reset.done")));
      },
    }),
    h("p", { class: "entrance-links" }, h("a", { href: "/forgot-password" }, t("reset.again"))),
  );
  return { element: entrance(t("reset.title"), place), leave() {} };
}

/**
 * Serves registration and change of e-mail alike. It waits for a click: programs that look into mails open links.
 * @returns {Page}
 */
export function confirmEmailPage() {
  const place = h("div", { class: "entrance-steps" });
  const confirm = (/** @type {object} */ more) => async () => {
    await api.post("/api/auth/confirm-email", { token: linkToken(), ...more });
    forgetLinkToken();
    replace(place, doneMessage(t("confirm.done")));
  };

  /** The name was taken while the mail was on its way. */
  function askForName(/** @type {string} */ problem) {
    const username = field("username", t("register.username"), { autocomplete: "username", autocapitalize: "none", minlength: 3, maxlength: 32, required: true });
    replace(
      place,
      h("p", { class: "form-problem", role: "alert" }, problem),
      form({ fields: [username], button: t("confirm.button"), kind: "primary wide", send: (values) => confirm(values)() }),
    );
    username.control.focus();
  }

  const confirmForm = form({
    fields: [],
    button: t("confirm.button"),
    kind: "primary wide",
    async send() {
      try {
        await confirm({})();
      } catch (error) {
        const taken = error instanceof api.ApiError && error.status === 409 && fieldProblems(error).has("username");
        if (!taken) throw error;
        askForName(problemText(error));
      }
    },
  });
  replace(place, h("p", { class: "muted" }, t("confirm.lead")), confirmForm);
  return { element: entrance(t("confirm.title"), place), leave() {} };
}
