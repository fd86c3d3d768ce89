/* API tokens of the person: for programs that act in their name, with a part of their rights. */

import * as api from "../../api.js";
import { h } from "../../dom.js";
import { ageElement, fullMoment } from "../../format.js";
import { t, wordOf } from "../../i18n.js";
import * as store from "../../store.js";
import { actionButton } from "../action.js";
import { field, form } from "../form.js";
import { fold, listing, panel, row, tag } from "../listing.js";
import { showSecret } from "../secret.js";

/** @typedef {{id: number, name: string, beginning: string, permissions: string[], shop_ids: number[] | null, expires_at: string | null, last_used_at: string | null, revoked_at: string | null}} Token */

/** Rights that make sense for a program; the server refuses those that the person does not have. */
const PERMISSIONS = ["fleet.read", "export.read", "analysis.run", "label.write", "alarm.acknowledge", "notification.read", "device.manage", "device.admit", "fleet.manage", "threshold.manage", "audit.read"];

export function tokensPart() {
  const secret = h("div", null);
  const { element, reload } = listing({
    load: async () => ({ items: (await api.get("/api/account/tokens")).tokens }),
    row: (token, reload) => tokenRow(token, () => api.remove(`/api/account/tokens/${token.id}`).then(reload)),
    empty: t("tokens.none"),
  });
  reload();
  return panel(t("tokens.title"), h("p", { class: "muted" }, t("tokens.lead")), secret, element, fold(t("tokens.create"), createForm()));

  function createForm() {
    /** @type {import("../form.js").Field[]} */
    const shops = (store.get("overview")?.shops ?? []).map((/** @type {{id: number, name: string}} */ { id, name }) => field(`shop:${id}`, name, { type: "checkbox" }));
    const permissions = PERMISSIONS.map((name) => field(name, wordOf("permission", name), { type: "checkbox", checked: name === "fleet.read" }));
    const name = field("name", t("tokens.name"), { maxlength: 100, required: true });
    const expiry = field("expires_at", t("tokens.expires"), { type: "date", hint: t("tokens.expires_hint") });
    return form({
      fields: [name, expiry, ...permissions, ...shops],
      layout: (elements) => [
        ...elements.slice(0, 2),
        h("fieldset", { class: "ticks" }, h("legend", null, t("tokens.permissions")), elements.slice(2, 2 + permissions.length)),
        shops.length > 0 && h("fieldset", { class: "ticks" }, h("legend", null, t("tokens.shops")), elements.slice(2 + permissions.length)),
      ],
      button: t("tokens.create"),
      async send(values) {
        const shopIds = shops.filter((shop) => values[shop.name]).map((shop) => Number(shop.name.slice("shop:".length)));
        const made = await api.post("/api/account/tokens", {
          name: values.name,
          permissions: PERMISSIONS.filter((permission) => values[permission]),
          ...(shopIds.length > 0 && { shop_ids: shopIds }),
          ...(values.expires_at && { expires_at: endOfDay(String(values.expires_at)) }),
        });
        showSecret(secret, t("tokens.secret"), made.secret, t("tokens.secret_note"));
        await reload();
      },
    });
  }
}

/**
 * The last second of a day in the person's zone.
 * @param {string} day as a date input gives it
 */
export function endOfDay(day) {
  return new Date(`${day}T23:59:59`).toISOString();
}

/**
 * @param {Token & {username?: string}} token
 * @param {() => Promise<unknown>} revoke
 */
export function tokenRow(token, revoke) {
  return row(
    [token.name, token.revoked_at && tag(t("tokens.revoked"))],
    [
      token.username,
      h("code", null, `${token.beginning}…`),
      token.permissions.map((name) => wordOf("permission", name)).join(", "),
      h("span", null, t("tokens.last_used"), " ", token.last_used_at ? ageElement(token.last_used_at) : t("tokens.never")),
      token.expires_at && t("tokens.until", { time: fullMoment(token.expires_at) }),
    ],
    token.revoked_at ? [] : [actionButton(t("tokens.revoke"), revoke, { question: t("tokens.revoke_question") })],
  );
}
