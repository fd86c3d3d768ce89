/* Password, e-mail address and Kakao account of the person. */

import * as api from "../../api.js";
import { h, replace } from "../../dom.js";
import { fullMoment } from "../../format.js";
import { t } from "../../i18n.js";
import { problemText } from "../../problems.js";
import { actionButton } from "../action.js";
import { field, form } from "../form.js";
import { fold, panel } from "../listing.js";

const CURRENT = { type: "password", autocomplete: "current-password", required: true };

export function profilePart() {
  const facts = h("dl", { class: "facts" });
  const problem = h("p", { class: "form-problem", role: "alert" });
  api.get("/api/auth/profile").then(
    ({ user }) =>
      replace(
        facts,
        [
          [t("account.username"), user.username],
          [t("account.full_name"), user.full_name],
          [t("account.email"), user.email ?? "–"],
          [t("account.last_login"), user.last_login ? fullMoment(user.last_login) : "–"],
        ].map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
      ),
    (error) => (problem.textContent = problemText(error)),
  );
  return panel(t("account.profile"), facts, problem, passwordPart(), emailPart());
}

function passwordPart() {
  const told = h("p", { class: "done-message", role: "status", hidden: true });
  return fold(
    t("account.change_password"),
    form({
      fields: [
        field("current_password", t("account.current_password"), CURRENT),
        field("new_password", t("register.password"), { type: "password", autocomplete: "new-password", minlength: 8, maxlength: 128, required: true, hint: t("register.password_hint") }),
      ],
      button: t("account.change_password"),
      async send(values) {
        await api.post("/api/auth/change-password", values);
        told.textContent = t("account.password_changed");
        told.hidden = false;
      },
    }),
    told,
  );
}

function emailPart() {
  const told = h("p", { class: "done-message", role: "status", hidden: true });
  return fold(
    t("account.change_email"),
    form({
      fields: [
        field("email", t("account.new_email"), { type: "email", autocomplete: "email", maxlength: 254, required: true }),
        field("password", t("account.current_password"), CURRENT),
      ],
      button: t("account.change_email"),
      async send(values) {
        await api.post("/api/auth/change-email", values);
        told.textContent = t("account.email_mailed");
        told.hidden = false;
      },
    }),
    told,
  );
}

/** Hidden where this installation has no Kakao sign-in and none is linked. */
export function kakaoPart() {
  const place = h("div", { class: "listing" });
  const element = panel(t("account.kakao"), place);
  element.hidden = true;

  async function load() {
    const { available, linked, linked_at: since } = await api.get("/api/kakao/user");
    element.hidden = !available && !linked;
    replace(place, linked ? [h("p", null, t("account.kakao_linked", { time: fullMoment(since) })), unlinkButton()] : linkForm());
  }

  function unlinkButton() {
    return actionButton(t("account.kakao_unlink"), () => api.post("/api/kakao/unlink").then(load), { question: t("account.kakao_unlink_question") });
  }

  function linkForm() {
    return form({
      fields: [field("password", t("account.current_password"), CURRENT)],
      button: t("account.kakao_link"),
      kind: "kakao",
      send: async (values) => location.assign((await api.post("/api/kakao/link", values)).login_url),
    });
  }

  load().catch((error) => replace(place, h("p", { class: "form-problem", role: "alert" }, problemText(error))));
  return element;
}
