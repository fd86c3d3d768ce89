/* A device that nobody owns yet: all that is known of its machine, and the form that gives it a shop and a machine. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { t } from "../i18n.js";
import * as live from "../live.js";
import { problemText } from "../problems.js";
import { issueKey } from "./device-key.js";
import { cardClass, machineBody } from "./machine-card.js";

/** @typedef {import("../../../types").MachineCard} MachineCard */
/** @typedef {{id: number, name: string}} ShopName */

const NEW_SHOP = "";

/**
 * One card per device. `update` refreshes what is heard and the shops to choose from, never what is being typed.
 * @param {string} deviceId
 */
export function unclaimedCard(deviceId) {
  const heard = h("div", { class: "unclaimed-heard" });
  const shop = h("select", { name: "shop", id: `shop-${deviceId}`, onchange: showNewShop });
  const newShop = h("input", { name: "new_shop", id: `new-shop-${deviceId}`, maxlength: 100 });
  const newShopLabel = h("label", { for: newShop.id }, t("claim.new_shop_name"), newShop);
  const machineName = h("input", { name: "machine_name", id: `name-${deviceId}`, maxlength: 100, required: true, placeholder: t("claim.machine_hint") });
  const keyless = h("input", { name: "keyless", type: "checkbox", id: `keyless-${deviceId}` });
  const button = h("button", { class: "button primary", type: "submit" }, t("claim.button"));
  const problem = h("p", { class: "form-problem", role: "alert" });

  function showNewShop() {
    newShopLabel.hidden = shop.value !== NEW_SHOP;
    newShop.required = shop.value === NEW_SHOP;
  }

  /** @param {SubmitEvent} event */
  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = "";
    try {
      const shopId = shop.value !== NEW_SHOP ? Number(shop.value) : (await api.post("/api/shops", { name: newShop.value.trim() })).shop.id;
      await api.post(`/api/devices/${encodeURIComponent(deviceId)}/claim`, {
        shop_id: shopId,
        machine_name: machineName.value.trim(),
        admission: keyless.checked ? "keyless" : "key",
      });
      if (!keyless.checked) await issueKey(deviceId);
      await live.refresh();
    } catch (error) {
      problem.textContent = problemText(error);
    } finally {
      button.disabled = false;
    }
  }

  const element = h(
    "article",
    { "data-device": deviceId },
    heard,
    h(
      "details",
      { class: "claim" },
      h("summary", { class: "button" }, t("claim.open")),
      h(
        "form",
        { class: "form claim-form", onsubmit: submit },
        h("label", { for: machineName.id }, t("claim.machine_name"), machineName),
        h("label", { for: shop.id }, t("claim.shop"), shop),
        newShopLabel,
        h("label", { for: keyless.id }, keyless, t("claim.keyless")),
        problem,
        button,
      ),
    ),
  );

  /**
   * @param {MachineCard} card
   * @param {ShopName[]} shops
   * @param {string | undefined} progress
   */
  function update(card, shops, progress) {
    element.className = `${cardClass(card)} unclaimed-card`;
    replace(heard, machineBody({ machine: card, progress }));
    offerShops(shops);
  }

  /** @param {ShopName[]} shops */
  function offerShops(shops) {
    const offered = [...shop.options].map((option) => option.value + option.text).join();
    const chosen = shop.value;
    const options = [
      ...shops.map(({ id, name }) => h("option", { value: id }, name)),
      h("option", { value: NEW_SHOP }, t("claim.new_shop")),
    ];
    if (offered === options.map((option) => option.value + option.text).join()) return;
    const first = shop.options.length === 0;
    shop.replaceChildren(...options);
    if (!first) shop.value = chosen;
    showNewShop();
  }

  return { element, update };
}
