/* Sign-in. Shown at whatever address was asked for; that page follows when it succeeds. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { t } from "../i18n.js";
import { entrance } from "../parts/entrance.js";
import { field, form } from "../parts/form.js";
import { problemText } from "../problems.js";

/** @returns {import("../app.js").Page} */
export function signInPage() {
  const place = h("div", { class: "entrance-steps" });
  const query = new URLSearchParams(location.search);
  // Kakao proved who it is, and a cookie holds the ticket for the second step.
  if (query.has("second_factor")) replace(place, secondStep(null));
  else replace(place, firstStep(place, query.get("kakao")));
  return { element: entrance(t("sign_in.title"), place), leave() {} };
}

/**
 * @param {Element} place
 * @param {string | null} kakao how an attempt with Kakao ended
 */
function firstStep(place, kakao) {
  const username = field("username", t("sign_in.username"), { autocomplete: "username", autocapitalize: "none", required: true });
  const password = field("password", t("sign_in.password"), { type: "password", autocomplete: "current-password", required: true });
  return [
    h("p", { class: "muted" }, t("sign_in.lead")),
    kakao && h("p", { class: "form-problem", role: "alert" }, kakao === "unlinked" ? t("sign_in.kakao_unlinked") : t("sign_in.kakao_cancelled")),
    form({
      fields: [username, password],
      button: t("sign_in.button"),
      kind: "primary wide",
      explain,
      async send(values) {
        const more = await api.signIn(String(values.username), String(values.password));
        if (more) {
          replace(place, secondStep(more.ticket));
          place.querySelector("input")?.focus();
        }
      },
    }),
    ...kakaoButton(),
    h(
      "p",
      { class: "entrance-links" },
      h("a", { href: "/forgot-password" }, t("sign_in.forgot")),
      h("a", { href: "/register" }, t("sign_in.register")),
    ),
  ];
}

/** @param {string | null} ticket */
function secondStep(ticket) {
  const code = field("code", t("sign_in.code"), { autocomplete: "one-time-code", autocapitalize: "characters", spellcheck: "false", required: true, hint: t("sign_in.code_hint") });
  return [
    h("p", { class: "muted" }, t("sign_in.second_step")),
    form({
      fields: [code],
      button: t("sign_in.continue"),
      kind: "primary wide",
      send: (values) => api.showSecondFactor(String(values.code), ticket),
    }),
    h("p", { class: "entrance-links" }, h("a", { href: "/sign-in" }, t("sign_in.again"))),
  ];
}

/** Appears when the server can sign people in with Kakao. */
function kakaoButton() {
  const problem = h("p", { class: "form-problem", role: "alert" });
  const button = h("button", { class: "button kakao wide", type: "button", hidden: true, onclick: begin }, t("sign_in.kakao"));

  async function begin() {
    try {
      location.assign((await api.get("/api/kakao/login")).login_url);
    } catch (error) {
      problem.textContent = problemText(error);
    }
  }

  api.get("/api/kakao/login").then(
    () => (button.hidden = false),
    () => (button.hidden = true),
  );
  return [button, problem];
}

/** @param {api.ApiError} error */
function explain(error) {
  if (error.status === 401) return t("sign_in.wrong");
  if (error.status === 429) return t("sign_in.too_many");
  return null;
}
