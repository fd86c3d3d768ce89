/* Shops and devices of the whole system. */

import * as api from "../../api.js";
import { h, replace } from "../../dom.js";
import { ageElement } from "../../format.js";
import { t, wordOf } from "../../i18n.js";
import { problemText } from "../../problems.js";
import { actionButton } from "../action.js";
import { issueKey } from "../device-key.js";
import { choice, field, form } from "../form.js";
import { fold, panel, row, tag } from "../listing.js";
import { unauthenticatedTag } from "../unauthenticated.js";
import { anyOr, searchableList } from "./search.js";

/** @typedef {{id: number, name: string, status: string, machines: number, members: number}} Shop */
/** @typedef {{device_id: string, machine_name: string, shop_id: number | null, shop_name: string | null, admission: string, networks: string[] | null, unauthenticated: boolean, address: string | null, firmware_version: string | null, last_seen_at: string}} Device */

const SHOP_STATUSES = ["pending", "active", "maintenance", "inactive", "suspended"];
const SHOPS = 200;

export function shopsPart() {
  const list = searchableList({
    address: "/api/admin/shops",
    fields: [field("search", t("admin.search_name"), { type: "search" }), choice("status", t("admin.status"), anyOr(SHOP_STATUSES, (status) => wordOf("status", status)))],
    row: shopRow,
  });
  const create = form({
    fields: [field("name", t("claim.new_shop_name"), { maxlength: 100, required: true })],
    button: t("shops.create"),
    send: (values) => api.post("/api/admin/shops", values).then(list.reload),
  });
  return panel(t("admin.shops"), list.element, fold(t("shops.create"), create));
}

/**
 * @param {Shop} shop
 * @param {() => Promise<void>} reload
 */
function shopRow(shop, reload) {
  const active = shop.status === "active";
  return row(
    [h("a", { href: `/shops/${shop.id}` }, shop.name), tag(wordOf("status", shop.status), active ? "" : "tag-red")],
    [t("shops.machines", { count: shop.machines }), t("shops.members", { count: shop.members })],
    [
      active
        ? actionButton(t("shops.suspend"), () => api.post(`/api/admin/shops/${shop.id}/suspend`).then(reload), { question: t("shops.suspend_question") })
        : actionButton(t("shops.approve"), () => api.post(`/api/admin/shops/${shop.id}/approve`).then(reload)),
    ],
  );
}

export function devicesPart() {
  return panel(
    t("admin.devices"),
    searchableList({
      address: "/api/admin/devices",
      fields: [
        field("search", t("admin.search_name"), { type: "search" }),
        choice("state", t("admin.status"), anyOr(["unclaimed", "claimed", "blocked"], (state) => wordOf("device_state", state))),
      ],
      row: deviceRow,
    }).element,
  );
}

/**
 * @param {Device} device
 * @param {() => Promise<void>} reload
 */
function deviceRow(device, reload) {
  const address = `/api/admin/devices/${encodeURIComponent(device.device_id)}`;
  const blocked = device.admission === "blocked";
  return row(
    [device.device_id, tag(wordOf("admission", device.admission), blocked ? "tag-red" : ""), unauthenticatedTag(device)],
    [
      device.shop_name ? `${device.shop_name} · ${device.machine_name}` : wordOf("device_state", "unclaimed"),
      device.address,
      device.firmware_version,
      h("span", null, t("device.last_seen"), " ", ageElement(device.last_seen_at)),
    ],
    [
      blocked
        ? actionButton(t("devices.unblock"), () => api.post(`${address}/unblock`).then(reload))
        : actionButton(t("devices.block"), () => api.post(`${address}/block`).then(reload), { question: t("devices.block_question") }),
      device.shop_id === null && claimFold(device.device_id, reload),
    ],
  );
}

/**
 * Knows the shops when it is opened first.
 * @param {string} deviceId
 * @param {() => Promise<void>} reload
 */
function claimFold(deviceId, reload) {
  const place = h("div", null);
  const element = fold(t("claim.open"), place);
  element.addEventListener("toggle", open, { once: true });

  async function open() {
    try {
      const { data } = await api.get(`/api/admin/shops?per_page=${SHOPS}`);
      replace(place, claim(data.items));
    } catch (error) {
      replace(place, h("p", { class: "form-problem", role: "alert" }, problemText(error)));
    }
  }

  /** @param {Shop[]} shops */
  function claim(shops) {
    return form({
      fields: [
        choice("shop_id", t("claim.shop"), shops.map(({ id, name }) => ({ value: id, text: name }))),
        field("machine_name", t("claim.machine_name"), { maxlength: 100, required: true }),
        field("keyless", t("claim.keyless"), { type: "checkbox" }),
      ],
      button: t("claim.button"),
      async send({ shop_id: shop, machine_name: name, keyless }) {
        await api.post(`/api/admin/devices/${encodeURIComponent(deviceId)}/claim`, { shop_id: Number(shop), machine_name: name, admission: keyless ? "keyless" : "key" });
        if (!keyless) await issueKey(deviceId);
        await reload();
      },
    });
  }

  return element;
}
