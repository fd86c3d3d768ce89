/* The newest look at each part of the system, as words and tables. */

import { h } from "../../dom.js";
import { ageElement, duration, fullMoment, number } from "../../format.js";
import { t, wordOf } from "../../i18n.js";
import { panel } from "../listing.js";

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** @param {number} value */
export function bytes(value) {
  const power = value < 1 ? 0 : Math.min(Math.floor(Math.log(value) / Math.log(1024)), UNITS.length - 1);
  const amount = value / 1024 ** power;
  return `${number(amount, power === 0 || amount >= 100 ? 0 : 1)} ${UNITS[power]}`;
}

/** @param {number} value */
export const percent = (value) => `${number(value, value < 10 ? 1 : 0)} %`;

/** @param {number} seconds */
export const milliseconds = (seconds) => `${number(seconds * 1000, seconds < 0.01 ? 1 : 0)} ms`;

/** @param {number} value */
export const perSecond = (value) => `${number(value, value < 10 ? 1 : 0)}/s`;

/** @param {Record<string, any>} host */
export function hostPart(host) {
  return facts(t("monitoring.host"), [
    [t("monitoring.cpu"), `${percent(host.cpu_percent)} · ${t("monitoring.cores", { count: host.cores })}`],
    [t("monitoring.memory"), `${bytes(host.memory_used_bytes)} / ${bytes(host.memory_total_bytes)}`],
    [t("monitoring.disk_free"), `${bytes(host.disk_free_bytes)} / ${bytes(host.disk_total_bytes)}`],
    [t("monitoring.load"), number(host.load_1m, 2)],
    [t("monitoring.booted"), ageElement(new Date(host.booted_at_s * 1000).toISOString())],
  ]);
}

/** @param {Record<string, any>} document */
export function processesPart({ processes }) {
  const rows = processes.map((/** @type {Record<string, any>} */ process) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, process.workers.length > 1 ? workers(process) : process.name),
      h("td", { class: process.status === "online" ? "well" : "unwell" }, process.status === "online" ? t("monitoring.online") : process.status),
      cell(percent(process.cpu_percent)),
      cell(bytes(process.memory_bytes)),
      cell(String(process.restarts)),
      cell(process.uptime_s === null ? "–" : uptime(process.uptime_s)),
    ),
  );
  return panel(
    t("monitoring.processes"),
    table([t("monitoring.name"), t("monitoring.state"), t("monitoring.cpu"), t("monitoring.memory"), t("monitoring.restarts"), t("monitoring.uptime")], rows),
  );
}

/** Its operating-system processes, on demand. @param {Record<string, any>} process */
function workers(process) {
  const items = process.workers.map((/** @type {Record<string, any>} */ one) =>
    h("li", null, `${one.pid} · ${percent(one.cpu_percent)} · ${bytes(one.memory_bytes)} · ${uptime(one.uptime_s)}`),
  );
  return h("details", { "data-name": process.name }, h("summary", null, `${process.name} × ${items.length}`), h("ul", { class: "plain muted small" }, items));
}

/** @param {Record<string, any>} database */
export function databasePart(database) {
  const applications = database.applications.map((/** @type {any} */ one) => `${one.name.replace("signalcraft-", "")} ${one.connections}`).join(", ");
  return facts(
    "PostgreSQL",
    [
      [t("monitoring.version"), database.version],
      [t("monitoring.connections"), `${database.connections} / ${database.connections_limit}`],
      [t("monitoring.by_application"), applications],
      [t("monitoring.size"), bytes(database.size_bytes)],
      [t("monitoring.oldest_transaction"), duration(database.oldest_transaction_s)],
      [t("monitoring.locks"), number(database.waiting_for_locks, 0)],
      [t("monitoring.cache"), database.cache_hit_ratio === undefined ? "–" : percent(database.cache_hit_ratio * 100)],
      [t("monitoring.commits"), database.commits_per_s === undefined ? "–" : perSecond(database.commits_per_s)],
    ],
    database.blocked.length > 0 && blocked(database.blocked),
  );
}

/** @param {Record<string, any>[]} statements */
function blocked(statements) {
  return h(
    "ul",
    { class: "plain small" },
    statements.map((one) => h("li", { class: "unwell" }, t("monitoring.blocked", { pid: one.pid, by: one.blocked_by.join(", "), time: duration(one.waiting_s) }), " ", h("code", null, one.statement))),
  );
}

/** @param {Record<string, any>} database */
export function statementsPart({ slowest_statements: statements }) {
  if (statements === null) return panel(t("monitoring.statements"), h("p", { class: "muted" }, t("monitoring.no_statements")));
  const rows = statements.map((/** @type {Record<string, any>} */ one) =>
    h("tr", null, h("td", { class: "statement" }, h("code", null, one.statement)), cell(number(one.calls, 0)), cell(`${number(one.mean_ms, 1)} ms`), cell(`${number(one.longest_ms, 0)} ms`)),
  );
  return panel(t("monitoring.statements"), table([t("monitoring.statement"), t("monitoring.calls"), t("monitoring.mean"), t("monitoring.longest")], rows));
}

/** @param {Record<string, any>} database */
export function tablesPart({ tables }) {
  const rows = tables.map((/** @type {Record<string, any>} */ one) => h("tr", null, h("th", { scope: "row" }, one.name), cell(number(one.rows, 0)), cell(bytes(one.size_bytes))));
  return panel(t("monitoring.tables"), table([t("monitoring.name"), t("monitoring.rows"), t("monitoring.size")], rows));
}

/** @param {Record<string, any>} redis */
export function redisPart(redis) {
  return facts("Redis", [
    [t("monitoring.version"), redis.version],
    [t("monitoring.memory"), redis.memory_limit_bytes ? `${bytes(redis.memory_bytes)} / ${bytes(redis.memory_limit_bytes)}` : bytes(redis.memory_bytes)],
    [t("monitoring.connections"), number(redis.clients, 0)],
    [t("monitoring.commands"), redis.commands_per_s === undefined ? "–" : perSecond(redis.commands_per_s)],
    [t("monitoring.evicted"), number(redis.evicted_keys, 0)],
    [t("monitoring.uptime"), uptime(redis.uptime_s)],
  ]);
}

/** @param {Record<string, any>} queue */
export function queuePart(queue) {
  const alarms = Object.entries(queue.open_alarms).map(([severity, count]) => `${wordOf("severity", severity)} ${count}`);
  return facts(t("monitoring.queue"), [
    [t("monitoring.messages"), number(queue.messages, 0)],
    [t("monitoring.taken"), number(queue.unacknowledged, 0)],
    [t("monitoring.analyses"), waiting(queue.analyses, queue.oldest_analysis_s)],
    [t("monitoring.mails"), waiting(queue.mails, queue.oldest_mail_s)],
    [t("monitoring.open_alarms"), alarms.join(", ") || "0"],
  ]);
}

/** @param {Record<string, any>} tiers */
export function tiersPart({ tiers, releases, ...rest }) {
  const rows = Object.entries(tiers).map(([name, tier]) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, name),
      h("td", { class: tier.answers ? "well" : "unwell" }, t(tier.answers ? "monitoring.answers" : "monitoring.silent")),
      cell(tier.requests_per_s === undefined ? "–" : perSecond(tier.requests_per_s)),
      cell(tier.errors_per_s === undefined ? "–" : perSecond(tier.errors_per_s)),
      ...["p50_s", "p95_s", "p99_s"].map((percentile) => cell(tier[percentile] === undefined ? "–" : milliseconds(tier[percentile]))),
    ),
  );
  const shown = releases.map((/** @type {Record<string, string>} */ one) => `${one.colour}: ${one.release}`).join(", ");
  return panel(
    t("monitoring.tiers"),
    table([t("monitoring.name"), t("monitoring.state"), t("monitoring.requests"), t("monitoring.errors"), "p50", "p95", "p99"], rows),
    list([
      [t("monitoring.release"), shown || "–"],
      [t("monitoring.pool"), `${number(rest.pool_in_use, 0)} / ${number(rest.pool_open, 0)}`],
      [t("monitoring.streams"), number(rest.event_streams, 0)],
      [t("monitoring.nodes"), number(rest.connected_nodes, 0)],
    ]),
  );
}

/** @param {Record<string, any>} ages */
export function agesPart(ages) {
  const certificate = ages.certificate_problem ?? (ages.certificate_ends_at && fullMoment(ages.certificate_ends_at)) ?? t("monitoring.no_certificate");
  return facts(t("monitoring.ages"), [
    [t("monitoring.backup"), ages.backup_at ? ageElement(ages.backup_at) : t("monitoring.no_backup")],
    [t("monitoring.certificate"), certificate],
  ]);
}

/**
 * @param {number} count
 * @param {number} oldest in seconds
 */
function waiting(count, oldest) {
  return count === 0 ? "0" : t("monitoring.waiting", { count: number(count, 0), time: duration(oldest) });
}

/** In days from two on: `duration` ends with hours. @param {number} seconds */
function uptime(seconds) {
  return seconds < 2 * 86_400 ? duration(seconds) : t("monitoring.days", { count: number(seconds / 86_400, 0) });
}

/** @param {string} text */
const cell = (text) => h("td", { class: "figure" }, text);

/**
 * @param {string[]} heads
 * @param {HTMLElement[]} rows
 */
function table(heads, rows) {
  return h("div", { class: "table-scroll", tabindex: "0" }, h("table", { class: "figures" }, h("thead", null, h("tr", null, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", null, rows)));
}

/** @param {[string, import("../../dom.js").Child][]} pairs */
function list(pairs) {
  return h("dl", { class: "system-facts" }, pairs.map(([name, value]) => h("div", null, h("dt", { class: "muted" }, name), h("dd", null, value))));
}

/**
 * @param {string} title
 * @param {[string, import("../../dom.js").Child][]} pairs
 * @param {import("../../dom.js").Child} [more]
 */
function facts(title, pairs, more) {
  return panel(title, list(pairs), more || null);
}
