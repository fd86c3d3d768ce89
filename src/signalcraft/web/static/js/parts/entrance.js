/* The card in the middle of the pages that one sees before being signed in. */

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { brandMark } from "./header.js";

/**
 * @param {string} title
 * @param {...(import("../dom.js").Child | import("../dom.js").Child[])} content
 */
export function entrance(title, ...content) {
  return h(
    "section",
    { class: "sign-in" },
    h("div", { class: "sign-in-card" }, h("div", { class: "sign-in-brand" }, brandMark(), h("h1", null, title)), ...content),
  );
}

export function linkToSignIn() {
  return h("p", { class: "entrance-links" }, h("a", { href: "/sign-in" }, t("sign_in.to")));
}

/**
 * What a page of the entrance says when its work is done.
 * @param {string} sentence
 */
export function doneMessage(sentence) {
  return [h("p", { role: "status", class: "done-message" }, sentence), linkToSignIn()];
}
