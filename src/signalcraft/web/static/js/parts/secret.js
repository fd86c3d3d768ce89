/* A secret that the server shows once: to be copied or printed before it is gone. */

import { h } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @param {string} title
 * @param {string} secret lines
 * @param {string} note what to do with it
 */
export function secretBox(title, secret, note) {
  const text = h("pre", { class: "secret-text", tabindex: "0" }, secret);
  const told = h("span", { class: "small muted", role: "status" });
  const element = h(
    "section",
    { class: "secret", "aria-label": title },
    h("h3", null, title),
    h("p", null, note),
    text,
    h(
      "div",
      { class: "buttons" },
      h("button", { class: "button compact", type: "button", onclick: copy }, t("secret.copy")),
      h("button", { class: "button compact", type: "button", onclick: print }, t("secret.print")),
      h("button", { class: "button compact", type: "button", onclick: () => element.remove() }, t("secret.close")),
      told,
    ),
  );

  async function copy() {
    try {
      await navigator.clipboard.writeText(secret);
      told.textContent = t("secret.copied");
    } catch {
      // The clipboard is closed to pages without TLS: select it, so that the person can copy it.
      getSelection()?.selectAllChildren(text);
      told.textContent = t("secret.selected");
    }
  }

  return element;
}

/** @param {HTMLElement} place */
export function showSecret(place, /** @type {Parameters<typeof secretBox>} */ ...parts) {
  place.replaceChildren(secretBox(...parts));
  place.querySelector("pre")?.focus();
}
