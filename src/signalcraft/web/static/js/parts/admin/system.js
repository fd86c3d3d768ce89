/* Sessions, tokens, audit log and settings of the whole system. */

import * as api from "../../api.js";
import { h, replace } from "../../dom.js";
import { ageElement, fullMoment } from "../../format.js";
import { t, wordOf } from "../../i18n.js";
import { problemText } from "../../problems.js";
import { download } from "../account/personal-data.js";
import { tokenRow } from "../account/tokens.js";
import { actionButton } from "../action.js";
import { field, form } from "../form.js";
import { listing, panel, row } from "../listing.js";
import { queryOf, searchableList, searchBar } from "./search.js";

/** @typedef {{id: number, at: string, action: string, user_id: number | null, username: string | null, subject: string | null, shop_id: number | null, address: string | null, detail: Record<string, unknown>}} AuditEntry */

const AUDIT_BATCH = 100;

const byPerson = () => field("user_id", t("admin.user_number"), { inputmode: "numeric", pattern: "[0-9]+" });

export function sessionsPart() {
  return panel(
    t("admin.sessions"),
    searchableList({
      address: "/api/admin/sessions",
      fields: [byPerson()],
      row: (session, reload) =>
        row(
          [session.username],
          [session.device, session.address, h("span", null, t("sessions.last_used"), " ", ageElement(session.last_used_at)), session.second_factor && t("sessions.second_factor")],
          [actionButton(t("sessions.end"), () => api.remove(`/api/admin/sessions/${session.id}`).then(reload))],
        ),
    }).element,
  );
}

export function tokensPart() {
  return panel(
    t("tokens.title"),
    searchableList({
      address: "/api/admin/tokens",
      fields: [byPerson()],
      row: (token, reload) => tokenRow(token, () => api.remove(`/api/admin/tokens/${token.id}`).then(reload)),
    }).element,
  );
}

/** @param {number} [shopId] only what happened in this shop */
export function auditPart(shopId) {
  const fields = [
    field("action", t("audit.action"), { placeholder: "session.", pattern: "[a-z_]+\\.[a-z_]*", hint: t("audit.action_hint") }),
    byPerson(),
    field("subject", t("audit.subject"), { placeholder: "user:12" }),
  ];
  const days = [field("since", t("audit.since"), { type: "date" }), field("until", t("audit.until"), { type: "date" })];

  /** @param {Record<string, string | number>} more */
  function query(more = {}) {
    const [since, until] = days.map(({ control }) => control.value);
    return queryOf(fields, {
      ...(since && { since: new Date(`${since}T00:00:00`).toISOString() }),
      ...(until && { until: new Date(`${until}T23:59:59`).toISOString() }),
      ...(shopId !== undefined && { shop_id: shopId }),
      ...more,
    });
  }

  const list = listing({
    async load(page, /** @type {AuditEntry | undefined} */ last) {
      const { data } = await api.get(`/api/admin/audit?${query({ limit: AUDIT_BATCH, ...(last && { before: last.id }) })}`);
      return { items: data.records, more: data.next_before !== null };
    },
    row: auditRow,
    empty: t("admin.nothing"),
  });
  list.reload();
  return panel(
    t("admin.audit"),
    searchBar([...fields, ...days], list.reload),
    h(
      "div",
      { class: "buttons" },
      actionButton(t("audit.csv"), () => download(`/api/admin/audit/export?${query({ format: "csv" })}`, "signalcraft-audit.csv")),
      actionButton(t("audit.ndjson"), () => download(`/api/admin/audit/export?${query({ format: "ndjson" })}`, "signalcraft-audit.ndjson")),
    ),
    list.element,
  );
}

/** @param {AuditEntry} entry */
function auditRow(entry) {
  const detail = Object.entries(entry.detail)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return row(
    [h("code", null, entry.action)],
    [fullMoment(entry.at), entry.username ?? (entry.user_id === null ? null : `#${entry.user_id}`), entry.subject, entry.address, ...detail],
  );
}

export function settingsPart() {
  const place = h("div", { class: "listing" });

  async function load() {
    try {
      const { data } = await api.get("/api/admin/settings");
      replace(place, settingsForm(data));
    } catch (error) {
      replace(place, h("p", { class: "form-problem", role: "alert" }, problemText(error)));
    }
  }

  /** @param {Record<string, boolean>} settings */
  function settingsForm(settings) {
    const told = h("p", { class: "done-message", role: "status", hidden: true }, t("settings.saved"));
    const fields = Object.entries(settings).map(([name, value]) => field(name, wordOf("setting", name), { type: "checkbox", checked: value }));
    const edit = form({
      fields,
      button: t("action.save"),
      async send(values) {
        told.hidden = true;
        await api.patch("/api/admin/settings", values);
        told.hidden = false;
      },
    });
    return [edit, told];
  }

  load();
  return panel(t("admin.settings"), h("p", { class: "muted" }, t("settings.lead")), place);
}
