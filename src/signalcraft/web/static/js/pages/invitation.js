/* An invitation to a shop: look at it, then sign in and accept, or make an account with it. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { language, t, wordOf } from "../i18n.js";
import { forgetLinkToken, linkToken } from "../navigation.js";
import { doneMessage, entrance } from "../parts/entrance.js";
import { field, form } from "../parts/form.js";
import { problemText } from "../problems.js";
import * as store from "../store.js";
import { accountFields } from "./register.js";

/** @typedef {{shop_name: string, role: string, email: string, has_account: boolean}} Offer */

/** @returns {import("../app.js").Page} */
export function invitationPage() {
  const token = linkToken();
  const place = h("div", { class: "entrance-steps" }, h("p", { role: "status" }, t("page.loading")));
  api.post("/api/auth/invitation", { token }).then(
    ({ offer }) => replace(place, h("p", null, t("invitation.offer", { shop: offer.shop_name, role: wordOf("role", offer.role) })), answerTo(offer)),
    (error) => replace(place, h("p", { class: "form-problem", role: "alert" }, problemText(error))),
  );

  /** @param {Offer} offer */
  function answerTo(offer) {
    if (store.get("session")) return accept();
    return offer.has_account ? signInFirst(offer) : register(offer);
  }

  function accept() {
    return form({
      fields: [],
      button: t("invitation.accept"),
      kind: "primary wide",
      async send() {
        await api.post("/api/auth/accept-invitation", { token });
        forgetLinkToken();
        replace(place, h("p", { role: "status", class: "done-message" }, t("invitation.accepted")), h("a", { href: "/" }, t("page.home")));
      },
    });
  }

  /**
   * The page stays where it is: signed in, it shows itself anew.
   * @param {Offer} offer
   */
  function signInFirst(offer) {
    const username = field("username", t("sign_in.username"), { autocomplete: "username", value: offer.email, required: true });
    const password = field("password", t("sign_in.password"), { type: "password", autocomplete: "current-password", required: true });
    const first = form({
      fields: [username, password],
      button: t("sign_in.button"),
      kind: "primary wide",
      async send(values) {
        const more = await api.signIn(String(values.username), String(values.password));
        if (more) first.replaceWith(secondStep(more.ticket));
      },
    });
    return [h("p", { class: "muted" }, t("invitation.sign_in_first")), first];
  }

  /** @param {string} ticket */
  function secondStep(ticket) {
    const code = field("code", t("sign_in.code"), { autocomplete: "one-time-code", required: true, hint: t("sign_in.code_hint") });
    return form({ fields: [code], button: t("sign_in.continue"), kind: "primary wide", send: (values) => api.showSecondFactor(String(values.code), ticket) });
  }

  /** @param {Offer} offer */
  function register(offer) {
    return [
      h("p", { class: "muted" }, t("invitation.register", { email: offer.email })),
      form({
        fields: accountFields(),
        button: t("register.button"),
        kind: "primary wide",
        async send(values) {
          await api.post("/api/auth/register-by-invitation", { ...values, token, language: language() });
          forgetLinkToken();
          replace(place, doneMessage(t("invitation.registered")));
        },
      }),
    ];
  }

  return { element: entrance(t("invitation.title"), place), leave() {} };
}
