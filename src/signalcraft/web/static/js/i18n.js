/* The language of the page: Korean or English, remembered in this browser. */

import * as store from "./store.js";
import en from "./i18n/en.js";
import ko from "./i18n/ko.js";

/** @typedef {"ko" | "en"} Language */
/** @typedef {keyof typeof ko} MessageKey */

/** @type {Record<Language, Record<MessageKey, string>>} */
const dictionaries = { ko, en };
const STORAGE_KEY = "signalcraft.language";

/** @returns {Language} */
export function language() {
  return store.get("language");
}

/** @param {Language} chosen */
export function chooseLanguage(chosen) {
  try {
    localStorage.setItem(STORAGE_KEY, chosen);
  } catch {
    // Storage may be forbidden (private window): the choice then lasts until the page is closed.
  }
  applyLanguage(chosen);
}

export function restoreLanguage() {
  let remembered = null;
  try {
    remembered = localStorage.getItem(STORAGE_KEY);
  } catch {
    // As above.
  }
  if (remembered === "ko" || remembered === "en") applyLanguage(remembered);
  else applyLanguage(navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en");
}

/** @param {Language} chosen */
function applyLanguage(chosen) {
  document.documentElement.lang = chosen;
  store.set("language", chosen);
}

/**
 * @param {MessageKey} key
 * @param {Record<string, string | number>} [parameters] fill the `{name}` places
 */
export function t(key, parameters = {}) {
  return dictionaries[language()][key].replace(/\{(\w+)\}/g, (_, name) => String(parameters[name]));
}

/**
 * The sentence of a bilingual text of the server.
 * @param {import("../../types").Text | null | undefined} text
 */
export function textOf(text) {
  return text ? text[language()] : "";
}

/**
 * A word of a closed list that the server may extend: the word itself where the dictionary lacks it.
 * @param {string} prefix
 * @param {string} word
 */
export function wordOf(prefix, word) {
  const key = /** @type {MessageKey} */ (`${prefix}.${word}`);
  return key in dictionaries.ko ? t(key) : word.replaceAll("_", " ");
}
