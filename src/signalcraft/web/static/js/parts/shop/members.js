/* Who belongs to a shop, and who is invited. */

import * as api from "../../api.js";
import { h } from "../../dom.js";
import { fullMoment } from "../../format.js";
import { language, t } from "../../i18n.js";
import { endOfDay } from "../account/tokens.js";
import { actionButton } from "../action.js";
import { roleName, SHOP_ROLES } from "../admin/users.js";
import { choice, field, form } from "../form.js";
import { fold, listing, panel, row } from "../listing.js";

/** @typedef {{user_id: number, username: string, full_name: string, role: string, expires_at: string | null}} Member */
/** @typedef {{id: number, email: string, role: string, expires_at: string, accepted_at: string | null, revoked_at: string | null}} Invitation */

const roleChoice = (/** @type {string} */ chosen) => choice("role", t("admin.role"), SHOP_ROLES.map((value) => ({ value, text: roleName(value) })), chosen);
const endField = (/** @type {string} */ name, /** @type {string} */ value = "") => field(name, t("members.until"), { type: "date", value, hint: t("members.until_hint") });

/**
 * @param {number} shopId
 * @param {boolean} manages whether the person may change them
 */
export function membersPart(shopId, manages) {
  const address = `/api/members/${shopId}`;
  const list = listing({ load: async () => ({ items: (await api.get(address)).data }), row: memberRow, empty: "–" });
  list.reload();
  return panel(t("members.title"), list.element);

  /** @param {Member} member */
  function memberRow(member) {
    const own = `${address}/${member.user_id}`;
    const change = form({
      fields: [roleChoice(member.role), endField("expires_at", member.expires_at?.slice(0, 10))],
      button: t("action.save"),
      async send(values) {
        await api.put(own, { role: values.role, ...(values.expires_at && { expires_at: endOfDay(String(values.expires_at)) }) });
        await list.reload();
      },
    });
    const remove = actionButton(t("members.remove"), () => api.remove(own).then(list.reload), { question: t("members.remove_question") });
    const element = row(member.username, [member.full_name, roleName(member.role), member.expires_at && t("tokens.until", { time: fullMoment(member.expires_at) })], manages ? [remove] : []);
    if (manages) element.append(h("div", { class: "row-more" }, fold(t("members.change"), change)));
    return element;
  }
}

/** @param {number} shopId */
export function invitationsPart(shopId) {
  const address = `/api/members/${shopId}/invitations`;
  const list = listing({
    load: async () => ({ items: (await api.get(address)).invitations.filter((/** @type {Invitation} */ one) => !one.accepted_at && !one.revoked_at) }),
    row: (invitation, reload) =>
      row(
        invitation.email,
        [roleName(invitation.role), t("tokens.until", { time: fullMoment(invitation.expires_at) })],
        [actionButton(t("invitations.withdraw"), () => api.remove(`${address}/${invitation.id}`).then(reload))],
      ),
    empty: t("invitations.none"),
  });
  list.reload();
  const invite = form({
    fields: [field("email", t("register.email"), { type: "email", maxlength: 254, required: true }), roleChoice("viewer"), endField("member_until")],
    button: t("invitations.send"),
    async send({ member_until: until, ...values }) {
      await api.post(address, { ...values, ...(until && { member_until: endOfDay(String(until)) }), language: language() });
      await list.reload();
    },
  });
  return panel(t("invitations.title"), list.element, invite);
}
