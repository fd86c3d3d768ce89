/* The bar on top: name of the product, state of the connection, language, who is signed in. */

import * as api from "../api.js";
import { h, replace, svg } from "../dom.js";
import { chooseLanguage, language, t } from "../i18n.js";
import * as store from "../store.js";

/** Ends the subscription of the header shown before.
 * @type {() => void} */
let leaveFormer = () => {};

export function headerPart() {
  leaveFormer();
  const user = store.get("session");
  const connection = h("span", { class: "connection", role: "status" });
  leaveFormer = store.subscribe("connection", (state) => {
    connection.className = `connection connection-${state}`;
    replace(connection, h("span", { class: "connection-dot", "aria-hidden": "true" }), t(`connection.${/** @type {"live"} */ (state)}`));
  });
  return h(
    "header",
    { class: "top" },
    h("a", { class: "brand", href: "/" }, brandMark(), h("span", null, "SignalCraft")),
    user && connection,
    h("span", { class: "top-space" }),
    user && h("a", { class: "button quiet top-link", href: "/devices" }, t("devices.title")),
    languageButton(),
    user && isAdministrator(user) && iconLink("/admin", GEAR, t("admin.title")),
    user && iconLink("/account", PERSON, user.username, t("account.title")),
    user && h("button", { class: "button quiet top-sign-out", type: "button", onclick: api.signOut }, t("action.sign_out")),
  );
}

/** @param {{role: string}} user */
function isAdministrator({ role }) {
  return role === "admin" || role === "super_admin";
}

const PERSON = "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 20c1-4 4-6 8-6s7 2 8 6";
const GEAR = "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5";

/**
 * A link whose words give way to its picture on a phone.
 * @param {string} href
 * @param {string} picture
 * @param {string} words
 * @param {string} [name] what it is called where the words do not say it
 */
function iconLink(href, picture, words, name = words) {
  return h(
    "a",
    { class: "top-link", href, "aria-label": name, title: name },
    svg("svg", { class: "top-icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: picture })),
    h("span", { class: "top-user" }, words),
  );
}

export function brandMark() {
  return svg(
    "svg",
    { class: "brand-mark", viewBox: "0 0 32 32", "aria-hidden": "true" },
    svg("rect", { width: 32, height: 32, rx: 8, class: "brand-tile" }),
    svg("path", { class: "brand-wave", d: "M5 17h3l2-6 3.5 13L17 7l3.5 16 2.5-8 1.5 2H27" }),
  );
}

function languageButton() {
  const other = language() === "ko" ? "en" : "ko";
  return h(
    "button",
    { class: "button quiet", type: "button", lang: other, "data-focus": "language", onclick: () => chooseLanguage(other) },
    other === "ko" ? "한국어" : "English",
  );
}
