/* A shop behind the scenes: its nodes and their keys, its people, invitations. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { t } from "../i18n.js";
import * as live from "../live.js";
import { auditPart } from "../parts/admin/system.js";
import { fold } from "../parts/listing.js";
import { claimCodesPart, devicesPart } from "../parts/shop/devices.js";
import { invitationsPart, membersPart } from "../parts/shop/members.js";
import { problemText } from "../problems.js";
import * as store from "../store.js";

/** @typedef {import("../../../types").Overview} Overview */

/**
 * @param {number} shopId
 * @returns {import("../app.js").Page}
 */
export function shopPage(shopId) {
  live.watchMachine(null);
  const place = h("div", { class: "listing" });
  let shown = false;

  // Built once, from the first overview: what is half typed must survive the updates.
  const leave = store.subscribe("overview", (/** @type {Overview | null} */ overview) => {
    if (!overview || shown) return;
    shown = true;
    const shop = overview.shops.find(({ id }) => id === shopId);
    if (shop) replace(place, h("h1", null, shop.name), devicesPart(shop), people(shopId));
    else replace(place, h("p", { class: "notice" }, t("problem.missing")));
  });
  return { element: h("div", { class: "page narrow" }, h("a", { class: "back", href: "/" }, "← ", t("machine.back")), place), leave };
}

/**
 * The parts that only some of a shop's people may see.
 * @param {number} shopId
 */
function people(shopId) {
  const place = h("div", { class: "listing" });
  const me = store.get("session");
  api.get(`/api/members/${shopId}`).then(
    ({ data }) => {
      const mine = data.find((/** @type {{user_id: number, role: string}} */ member) => member.user_id === me.id);
      const manages = mine?.role === "store_owner" || me.role === "admin" || me.role === "super_admin";
      replace(place, membersPart(shopId, manages), manages ? [invitationsPart(shopId), claimCodesPart(shopId), audit(shopId)] : []);
    },
    (error) => {
      if (!(error instanceof api.ApiError && error.status === 403)) replace(place, h("p", { class: "form-problem", role: "alert" }, problemText(error)));
    },
  );
  return place;
}

/** @param {number} shopId */
function audit(shopId) {
  const place = h("div", null);
  const element = fold(t("admin.audit"), place);
  element.addEventListener("toggle", () => replace(place, auditPart(shopId)), { once: true });
  return element;
}
