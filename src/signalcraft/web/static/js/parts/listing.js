/* Lists of the server: rows with facts and actions, loaded page by page and anew after a change. */

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { problemText } from "../problems.js";

/**
 * @template T
 * @typedef {{items: T[], more?: boolean}} Batch
 */

/**
 * @template T
 * @param {object} parts
 * @param {(page: number, last: T | undefined) => Promise<Batch<T>>} parts.load pages count from 1; `last` is the last item shown
 * @param {(item: T, reload: () => Promise<void>) => HTMLElement} parts.row
 * @param {string} parts.empty what stands there when there is nothing
 */
export function listing({ load, row, empty }) {
  const list = h("ul", { class: "rows" });
  const problem = h("p", { class: "form-problem", role: "alert" });
  const older = h("button", { class: "button compact", type: "button", hidden: true, onclick: () => show(page + 1) }, t("action.more"));
  let page = 1;
  let request = 0;
  /** @type {T | undefined} */
  let last;

  /** @param {number} wanted */
  async function show(wanted) {
    const mine = ++request;
    problem.textContent = "";
    try {
      const { items, more = false } = await load(wanted, wanted === 1 ? undefined : last);
      if (mine !== request) return;
      if (wanted === 1) list.replaceChildren();
      page = wanted;
      last = items.at(-1);
      list.append(...items.map((item) => row(item, reload)));
      if (list.children.length === 0) list.append(h("li", { class: "muted" }, empty));
      older.hidden = !more;
    } catch (error) {
      if (mine === request) problem.textContent = problemText(error);
    }
  }

  const reload = () => show(1);
  return { element: h("div", { class: "listing" }, list, problem, older), reload };
}

/**
 * @param {import("../dom.js").Child | import("../dom.js").Child[]} title
 * @param {import("../dom.js").Child[]} facts small print below; those that are false are left out
 * @param {import("../dom.js").Child[]} [actions]
 */
export function row(title, facts, actions = []) {
  const shown = facts.filter((fact) => fact !== null && fact !== undefined && fact !== false && fact !== "");
  return h(
    "li",
    { class: "row" },
    h("div", { class: "row-text" }, h("div", { class: "row-title" }, title), h("ul", { class: "row-facts muted small" }, shown.map((fact) => h("li", null, fact)))),
    h("div", { class: "row-actions" }, actions),
  );
}

/**
 * @param {string} title
 * @param {...(import("../dom.js").Child | import("../dom.js").Child[])} content
 */
export function panel(title, ...content) {
  return h("section", { class: "panel" }, h("h2", null, title), ...content);
}

/**
 * What is wanted seldom, behind its name.
 * @param {string} title
 * @param {...(import("../dom.js").Child | import("../dom.js").Child[])} content
 */
export function fold(title, ...content) {
  return h("details", { class: "fold" }, h("summary", null, title), ...content);
}

/** @param {string} word */
export function tag(word, kind = "") {
  return h("span", { class: `tag ${kind}` }, word);
}
