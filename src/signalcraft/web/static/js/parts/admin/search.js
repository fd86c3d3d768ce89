/* Searchable lists of the administration, which all answer in pages of the same shape. */

import * as api from "../../api.js";
import { h } from "../../dom.js";
import { t } from "../../i18n.js";
import { listing } from "../listing.js";

/** @typedef {import("../form.js").Field} Field */

const PER_PAGE = 50;

/**
 * @param {Field[]} fields
 * @param {Record<string, string | number>} [more]
 */
export function queryOf(fields, more = {}) {
  const query = new URLSearchParams();
  for (const { name, control } of fields) if (control.value.trim()) query.set(name, control.value.trim());
  for (const [name, value] of Object.entries(more)) query.set(name, String(value));
  return query.toString();
}

/**
 * The bar of fields above a list.
 * @param {Field[]} fields
 * @param {() => unknown} search
 */
export function searchBar(fields, search) {
  /** @param {Event} event */
  function onsubmit(event) {
    event.preventDefault();
    search();
  }
  return h(
    "form",
    { class: "search", role: "search", onsubmit, onchange: search },
    fields.map(({ element }) => element),
    h("button", { class: "button compact", type: "submit" }, t("admin.search")),
  );
}

/**
 * @param {object} parts
 * @param {string} parts.address
 * @param {Field[]} parts.fields
 * @param {(item: any, reload: () => Promise<void>) => HTMLElement} parts.row
 */
export function searchableList({ address, fields, row }) {
  const list = listing({
    async load(page) {
      const { data } = await api.get(`${address}?${queryOf(fields, { page, per_page: PER_PAGE })}`);
      return { items: data.items, more: data.total > page * PER_PAGE };
    },
    row,
    empty: t("admin.nothing"),
  });
  list.reload();
  return { element: h("div", { class: "listing" }, searchBar(fields, list.reload), list.element), reload: list.reload };
}

/**
 * The options of a filter: everything, or one word of a list.
 * @param {string[]} words
 * @param {(word: string) => string} say
 */
export function anyOr(words, say) {
  return [{ value: "", text: t("admin.any") }, ...words.map((value) => ({ value, text: say(value) }))];
}
