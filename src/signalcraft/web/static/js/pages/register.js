/* Registration with consent. What follows is in the mail. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { language, t } from "../i18n.js";
import { doneMessage, entrance, linkToSignIn } from "../parts/entrance.js";
import { field, form } from "../parts/form.js";

/** What every new account is asked, also by invitation. */
export function accountFields() {
  return [
    field("username", t("register.username"), { autocomplete: "username", autocapitalize: "none", minlength: 3, maxlength: 32, required: true, hint: t("register.username_hint") }),
    field("password", t("register.password"), { type: "password", autocomplete: "new-password", minlength: 8, maxlength: 128, required: true, hint: t("register.password_hint") }),
    field("full_name", t("register.full_name"), { autocomplete: "name", maxlength: 100 }),
    field("privacy_agree", t("register.privacy_agree"), { type: "checkbox", required: true }),
    field("terms_agree", t("register.terms_agree"), { type: "checkbox", required: true }),
  ];
}

/** @returns {import("../app.js").Page} */
export function registerPage() {
  const place = h("div", { class: "entrance-steps" });
  const email = field("email", t("register.email"), { type: "email", autocomplete: "email", maxlength: 254, required: true });
  replace(
    place,
    h("p", { class: "muted" }, t("register.lead")),
    form({
      fields: [email, ...accountFields()],
      button: t("register.button"),
      kind: "primary wide",
      async send(values) {
        await api.post("/api/auth/register", { ...values, language: language() });
        replace(place, doneMessage(t("register.done")));
      },
    }),
    linkToSignIn(),
  );
  return { element: entrance(t("register.title"), place), leave() {} };
}
