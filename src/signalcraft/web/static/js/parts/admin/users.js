/* People: find them, make an account, and everything about one of them. */

import * as api from "../../api.js";
import { h, replace } from "../../dom.js";
import { ageElement, fullMoment } from "../../format.js";
import { t, wordOf } from "../../i18n.js";
import { go } from "../../navigation.js";
import { problemText } from "../../problems.js";
import * as store from "../../store.js";
import { download } from "../account/personal-data.js";
import { endOfDay } from "../account/tokens.js";
import { actionButton } from "../action.js";
import { choice, field, form } from "../form.js";
import { fold, panel, row, tag } from "../listing.js";
import { showSecret } from "../secret.js";
import { anyOr, searchableList } from "./search.js";

/** @typedef {{shop_id: number, shop_name: string, role: string, expires_at: string | null}} Grant */
/** @typedef {{id: number, username: string, full_name: string, email: string | null, role: string, status: string, created_at: string, last_login_at: string | null, email_confirmed_at: string | null, second_factor: boolean, erased_at: string | null, grants: Grant[]}} Account */

const ROLES = ["user", "admin", "super_admin"];
export const SHOP_ROLES = ["store_owner", "store_manager", "technician", "viewer"];
/** How many shops the choice of a grant offers. */
const SHOPS = 200;

/** @param {string} role */
export const roleName = (role) => wordOf("role", role);

export function usersPart() {
  const secret = h("div", null);
  const list = searchableList({
    address: "/api/admin/users",
    fields: [
      field("search", t("admin.search_people"), { type: "search" }),
      choice("role", t("admin.role"), anyOr(ROLES, roleName)),
      choice("status", t("admin.status"), anyOr(["active", "suspended"], (status) => wordOf("status", status))),
    ],
    row: userRow,
  });
  const create = form({
    fields: [
      field("username", t("register.username"), { minlength: 3, maxlength: 32, required: true }),
      field("full_name", t("register.full_name"), { maxlength: 100 }),
      field("email", t("users.email_optional"), { type: "email", maxlength: 254 }),
    ],
    button: t("users.create"),
    async send(values) {
      const { data } = await api.post("/api/admin/users", values);
      showSecret(secret, t("users.password_of", { name: data.user.username }), data.password, t("users.password_note"));
      await list.reload();
    },
  });
  return panel(t("admin.users"), list.element, secret, fold(t("users.create"), create));
}

/** @param {Account} user */
function userRow(user) {
  return row(
    [h("a", { href: `/admin/users/${user.id}` }, user.username), ...marks(user)],
    [`#${user.id}`, user.full_name, user.email, user.last_login_at ? h("span", null, t("account.last_login"), " ", ageElement(user.last_login_at)) : null, ...user.grants.map(grantText)],
  );
}

/** @param {Account} user */
function marks(user) {
  return [
    user.role !== "user" && tag(roleName(user.role)),
    user.status !== "active" && tag(wordOf("status", user.erased_at ? "erased" : user.status), "tag-red"),
    user.second_factor && tag(t("factor.title")),
  ].filter((mark) => mark !== false);
}

/** @param {Grant} grant */
function grantText(grant) {
  return `${grant.shop_name}: ${roleName(grant.role)}${grant.expires_at ? ` (${t("tokens.until", { time: fullMoment(grant.expires_at) })})` : ""}`;
}

/** @param {number} userId */
export function userPart(userId) {
  const address = `/api/admin/users/${userId}`;
  const place = h("div", { class: "listing" });
  const secret = h("div", null);

  async function load() {
    try {
      const [{ data: user }, { data: shops }] = await Promise.all([api.get(address), api.get(`/api/admin/shops?per_page=${SHOPS}`)]);
      replace(place, facts(user), user.erased_at ? null : [actions(user), grants(user), grantForm(shops.items), roleForm(user)]);
    } catch (error) {
      replace(place, h("p", { class: "form-problem", role: "alert" }, problemText(error)));
    }
  }

  /** @param {Account} user */
  function facts(user) {
    return h("div", null, h("h2", null, user.username, " ", ...marks(user)), h("p", { class: "muted" }, [`#${user.id}`, user.full_name, user.email].filter(Boolean).join(" · ")));
  }

  /** @param {Account} user */
  function actions(user) {
    const suspended = user.status === "suspended";
    return h(
      "div",
      { class: "buttons" },
      actionButton(suspended ? t("users.activate") : t("users.suspend"), () => api.patch(address, { status: suspended ? "active" : "suspended" }).then(load), suspended ? {} : { question: t("users.suspend_question") }),
      actionButton(t("users.end_sessions"), () => api.remove(`${address}/sessions`).then(load)),
      actionButton(t("users.reset_password"), resetPassword, { question: t("users.reset_password_question") }),
      user.second_factor && actionButton(t("users.reset_factor"), () => api.remove(`${address}/second-factor`).then(load), { question: t("users.reset_factor_question") }),
      isSuperAdmin() && actionButton(t("data.download"), () => download(`${address}/export`, `signalcraft-user-${userId}.json`)),
      isSuperAdmin() && actionButton(t("users.erase"), erase, { question: t("users.erase_question", { name: user.username }), kind: "danger" }),
    );
  }

  async function resetPassword() {
    const { data } = await api.post(`${address}/reset-password`);
    showSecret(secret, t("users.new_password"), data.password, t("users.password_note"));
  }

  async function erase() {
    await api.remove(address);
    go("/admin/users");
  }

  /** @param {Account} user */
  function grants(user) {
    const rows = user.grants.map((grant) =>
      row(grant.shop_name, [roleName(grant.role), grant.expires_at && t("tokens.until", { time: fullMoment(grant.expires_at) })], [
        actionButton(t("members.remove"), () => api.remove(`${address}/grants/${grant.shop_id}`).then(load), { question: t("members.remove_question") }),
      ]),
    );
    return h("section", null, h("h3", null, t("users.grants")), h("ul", { class: "rows" }, rows.length > 0 ? rows : h("li", { class: "muted" }, t("users.no_grants"))));
  }

  /** @param {{id: number, name: string}[]} shops */
  function grantForm(shops) {
    return fold(
      t("users.grant"),
      form({
        fields: [
          choice("shop_id", t("claim.shop"), shops.map(({ id, name }) => ({ value: id, text: name }))),
          choice("role", t("admin.role"), SHOP_ROLES.map((value) => ({ value, text: roleName(value) })), "viewer"),
          field("expires_at", t("members.until"), { type: "date", hint: t("members.until_hint") }),
        ],
        button: t("users.grant"),
        async send(values) {
          await api.put(`${address}/grants/${values.shop_id}`, { role: values.role, ...(values.expires_at && { expires_at: endOfDay(String(values.expires_at)) }) });
          await load();
        },
      }),
    );
  }

  /** @param {Account} user */
  function roleForm(user) {
    if (!isSuperAdmin()) return null;
    return fold(
      t("users.change_role"),
      form({
        fields: [choice("role", t("admin.role"), ROLES.map((value) => ({ value, text: roleName(value) })), user.role)],
        button: t("action.save"),
        send: (values) => api.patch(address, values).then(load),
      }),
    );
  }

  load();
  return h("section", { class: "panel" }, h("a", { class: "back", href: "/admin/users" }, "← ", t("admin.users")), secret, place);
}

export function isSuperAdmin() {
  return store.get("session").role === "super_admin";
}
