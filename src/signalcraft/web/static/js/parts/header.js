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
    user && h("span", { class: "top-user" }, user.username),
    user && h("button", { class: "button quiet", type: "button", onclick: api.signOut }, t("action.sign_out")),
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
