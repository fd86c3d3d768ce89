/* All shops and machines at a glance. */

import { h, renderKeyed, replace } from "../dom.js";
import { allMachines, byUrgency } from "../fleet.js";
import { t } from "../i18n.js";
import * as live from "../live.js";
import { unclaimedCard } from "../parts/claim-form.js";
import { lightBadge, lightMark } from "../parts/light.js";
import { machineCard } from "../parts/machine-card.js";
import * as store from "../store.js";

/** @typedef {import("../../../types").Overview} Overview */
/** @typedef {import("../../../types").Shop} Shop */
/** @typedef {import("../../../types").MachineCard} MachineCard */
/** @typedef {import("../../../types").Light} Light */

/** @type {Light[]} */
const TALLIED = ["red", "yellow", "green", "blue", "grey"];

/** @returns {import("../app.js").Page} */
export function overviewPage() {
  live.watchMachine(null);
  const tally = h("p", { class: "tally" });
  const shops = h("div", { class: "shops" });
  const unclaimed = h("section", { class: "unclaimed", hidden: true, "aria-labelledby": "unclaimed-title" });
  const showUnclaimed = unclaimedSection(unclaimed);
  const element = h("div", { class: "page overview" }, h("h1", { class: "visually-hidden" }, t("overview.title")), tally, shops, unclaimed);

  function show() {
    /** @type {Overview | null} */
    const overview = store.get("overview");
    if (!overview) {
      replace(tally, h("span", { class: "spinner", "aria-hidden": "true" }), t("page.loading"));
      return;
    }
    showTally(tally, allMachines(overview));
    showShops(shops, overview.shops, store.get("progress"));
    showUnclaimed(overview, store.get("progress"));
  }

  const ends = [store.subscribe("overview", show), store.subscribe("progress", show)];
  show();
  return { element, leave: () => ends.forEach((end) => end()) };
}

/**
 * How many machines have which light.
 * @param {Element} container
 * @param {MachineCard[]} machines
 */
function showTally(container, machines) {
  const counts = TALLIED.map((light) => ({ light, count: machines.filter((machine) => machine.light === light).length }));
  replace(
    container,
    counts
      .filter(({ count }) => count > 0)
      .map(({ light, count }) =>
        h("span", { class: `tally-item tally-${light}` }, lightMark(light), h("strong", null, count), " ", t(`light.${light}`)),
      ),
  );
}

/**
 * @param {Element} container
 * @param {Shop[]} shops
 * @param {Record<string, string>} progress
 */
function showShops(container, shops, progress) {
  if (shops.length === 0) {
    replace(container, h("p", { class: "notice" }, t("overview.empty")));
    return;
  }
  const ordered = [...shops].sort(byUrgency);
  renderKeyed(container, ordered.map(({ id }) => id), (id) => id, shopFrame);
  ordered.forEach((shop, index) => {
    const [head, grid] = container.children[index].children;
    replace(
      head,
      h("h2", null, shop.name),
      lightBadge(shop.light),
      h("a", { class: "shop-link small", href: `/shops/${shop.id}`, "data-focus": `shop-${shop.id}`, "aria-label": `${shop.name}: ${t("shop.manage")}` }, t("shop.manage")),
    );
    renderKeyed(
      grid,
      [...shop.machines].sort(byUrgency).map((machine) => ({ machine, progress: progress[machine.id] })),
      ({ machine }) => machine.id,
      machineCard,
    );
  });
}

/** Outlives all changes of the shop, and with it the cards inside. */
function shopFrame() {
  return h("section", { class: "shop" }, h("header", { class: "shop-head" }), h("div", { class: "cards" }));
}

/**
 * The devices that wait for an owner (the server names them to administrators only). Cards are kept per device, so
 * that a half-filled form survives updates.
 * @param {HTMLElement} section
 */
function unclaimedSection(section) {
  /** @type {Map<string, ReturnType<typeof unclaimedCard>>} */
  const cards = new Map();
  const list = h("div", { class: "cards" });
  section.append(
    h("header", { class: "shop-head" }, h("h2", { id: "unclaimed-title" }, t("claim.title"))),
    h("p", { class: "muted" }, t("claim.lead")),
    list,
  );

  /**
   * @param {Overview} overview
   * @param {Record<string, string>} progress
   */
  return ({ unclaimed, shops }, progress) => {
    section.hidden = unclaimed.length === 0;
    const waiting = unclaimed.flatMap((card) => (card.device ? [{ id: card.device.device_id, card }] : []));
    for (const [id, { element }] of cards) {
      if (!waiting.some((device) => device.id === id)) {
        element.remove();
        cards.delete(id);
      }
    }
    for (const { id, card } of waiting) {
      const shown = cards.get(id) ?? unclaimedCard(id);
      if (!cards.has(id)) list.append(shown.element);
      cards.set(id, shown);
      shown.update(card, shops, progress[card.id]);
    }
  };
}
