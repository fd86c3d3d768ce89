/* The nodes of a shop: their keys, who of them is let in without one, and codes for installing new ones. */

import * as api from "../../api.js";
import { h, replace } from "../../dom.js";
import { ageElement, fullMoment } from "../../format.js";
import { t, wordOf } from "../../i18n.js";
import { problemText } from "../../problems.js";
import { actionButton } from "../action.js";
import { choice, field, form } from "../form.js";
import { fold, listing, panel, row } from "../listing.js";
import { showSecret } from "../secret.js";
import { unauthenticatedTag } from "../unauthenticated.js";

/** @typedef {import("../../../../types").Shop} Shop */
/** @typedef {import("../../../../types").MachineCard} MachineCard */
/** @typedef {{id: number, beginning: string, created_at: string, last_used_at: string | null, ends_at: string | null, revoked_at: string | null}} Key */
/** @typedef {{device_id: string, admission: string, networks: string[] | null}} Admission */

/** @param {Shop} shop */
export function devicesPart(shop) {
  const rows = shop.machines.map((machine) => machine.device && deviceRow(machine, machine.device.device_id)).filter((shown) => shown !== null);
  return panel(t("admin.devices"), h("ul", { class: "rows" }, rows.length > 0 ? rows : h("li", { class: "muted" }, t("devices.none"))));
}

/**
 * @param {MachineCard} machine
 * @param {string} deviceId
 */
function deviceRow(machine, deviceId) {
  const place = h("div", { class: "listing" });
  const keys = fold(t("keys.title"), place);
  keys.addEventListener("toggle", () => keysOf(place, deviceId), { once: true });
  const element = row([h("a", { href: `/machines/${machine.id}` }, machine.name), unauthenticatedTag(machine.device)], [deviceId]);
  element.append(h("div", { class: "row-more" }, keys));
  return element;
}

/**
 * @param {HTMLElement} place
 * @param {string} deviceId
 */
function keysOf(place, deviceId) {
  const address = `/api/devices/${encodeURIComponent(deviceId)}`;
  const secret = h("div", null);
  const content = h("div", { class: "listing" });
  replace(place, secret, content);

  async function load() {
    try {
      const { device, keys } = await api.get(`${address}/keys`);
      replace(
        content,
        h("p", { class: "small" }, t("keys.admission", { how: wordOf("admission", device.admission) }), device.networks && ` · ${device.networks.join(", ")}`),
        h("ul", { class: "rows" }, keys.map(keyRow)),
        actionButton(t("keys.make"), make, keys.length > 0 ? { question: t("keys.make_question") } : {}),
        fold(t("keys.change_admission"), admissionForm(device)),
      );
    } catch (error) {
      replace(content, h("p", { class: "form-problem", role: "alert" }, problemText(error)));
    }
  }

  async function make() {
    const made = await api.post(`${address}/keys`);
    showSecret(secret, t("keys.secret", { id: deviceId }), made.secret, t("keys.secret_note"));
    await load();
  }

  /** @param {Key} key */
  function keyRow(key) {
    const used = h("span", null, t("tokens.last_used"), " ", key.last_used_at ? ageElement(key.last_used_at) : t("tokens.never"));
    const end = key.revoked_at ? t("tokens.revoked") : key.ends_at && t("tokens.until", { time: fullMoment(key.ends_at) });
    const revoke = () => api.remove(`${address}/keys/${key.id}`).then(load);
    return row(h("code", null, `${key.beginning}…`), [used, end], key.revoked_at ? [] : [actionButton(t("tokens.revoke"), revoke, { question: t("keys.revoke_question") })]);
  }

  /** @param {Admission} device */
  function admissionForm(device) {
    return form({
      fields: [
        choice("admission", t("keys.how"), ["key", "keyless", "blocked"].map((value) => ({ value, text: wordOf("admission", value) })), device.admission),
        field("networks", t("keys.networks"), { value: (device.networks ?? []).join(", "), placeholder: "192.168.0.0/24", hint: t("keys.networks_hint") }),
      ],
      button: t("action.save"),
      async send({ admission, networks }) {
        const listed = String(networks ?? "").split(/[\s,]+/).filter(Boolean);
        await api.put(`${address}/admission`, { admission, ...(admission === "keyless" && listed.length > 0 && { networks: listed }) });
        await load();
      },
    });
  }

  load();
}

/**
 * Codes with which a new node fetches its own key. Only for those who may let nodes in.
 * @param {number} shopId
 */
export function claimCodesPart(shopId) {
  const secret = h("div", null);
  const list = listing({
    load: async () => ({ items: (await api.get(`/api/claim-codes?shop_id=${shopId}`)).claim_codes }),
    row: (code, reload) =>
      row(
        code.machine_name,
        [code.used_at ? t("codes.used", { id: code.device_id }) : t("tokens.until", { time: fullMoment(code.expires_at) })],
        code.used_at ? [] : [actionButton(t("tokens.revoke"), () => api.remove(`/api/claim-codes/${code.id}`).then(reload))],
      ),
    empty: t("codes.none"),
  });
  list.reload();
  const create = form({
    fields: [field("machine_name", t("claim.machine_name"), { maxlength: 100, required: true, placeholder: t("claim.machine_hint") })],
    button: t("codes.make"),
    async send(values) {
      const made = await api.post("/api/claim-codes", { ...values, shop_id: shopId });
      showSecret(secret, t("codes.code_of", { name: String(values.machine_name) }), made.code, t("codes.note"));
      await list.reload();
    },
  });
  return panel(t("codes.title"), h("p", { class: "muted" }, t("codes.lead")), secret, list.element, create);
}
