/* A secret that the server shows once: to be copied or printed before it is gone. */

import { h } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @param {string} title
 * @param {string} secret lines
 * @param {string} note what to do with it
 * @param {() => void} close
 */
function secretBox(title, secret, note, close) {
  const text = h("pre", { class: "secret-text", tabindex: "0" }, secret);
  const told = h("span", { class: "small muted", role: "status" });
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

  return h(
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
      h("button", { class: "button compact", type: "button", onclick: close }, t("secret.close")),
      told,
    ),
  );
}

/**
 * In front of the page, for a secret whose place on the page goes away.
 * @param {string} title
 * @param {string} secret
 * @param {string} note
 */
export function showSecretInFront(title, secret, note) {
  const box = secretBox(title, secret, note, () => dialog.remove());
  const dialog = h("dialog", { class: "secret-dialog", "aria-label": title, onclose: () => dialog.remove() }, box);
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * @param {HTMLElement} place
 * @param {string} title
 * @param {string} secret
 * @param {string} note
 */
export function showSecret(place, title, secret, note) {
  place.replaceChildren(secretBox(title, secret, note, () => place.replaceChildren()));
  place.querySelector("pre")?.focus();
}
