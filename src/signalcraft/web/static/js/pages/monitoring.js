/* The system itself: charts of the last hours, and the newest look at every part, live. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { ageElement, number } from "../format.js";
import { t } from "../i18n.js";
import * as live from "../live.js";
import { problemText } from "../problems.js";
import { loadAvailability } from "../parts/monitoring/availability.js";
import { systemChart } from "../parts/monitoring/chart.js";
import { loadOperatorAlerts } from "../parts/monitoring/operator-alerts.js";
import * as sections from "../parts/monitoring/sections.js";
import { administrationTabs } from "./admin.js";

const RANGES = { "1h": 1, "24h": 24, "7d": 168 };
/** @typedef {keyof typeof RANGES} Range */
/** @typedef {{name: string, taken_at: string, document: Record<string, any>}} Section */
/** @typedef {{generated_at: string, running: boolean, sections: Section[]}} Now */

const RELOAD_MS = { "1h": 10_000, "24h": 60_000, "7d": 300_000 };

/** @type {{section: string, part: (document: Record<string, any>) => HTMLElement, wide?: boolean}[]} in the order of the page */
const PARTS = [
  { section: "tiers", part: sections.tiersPart, wide: true },
  { section: "processes", part: sections.processesPart, wide: true },
  { section: "host", part: sections.hostPart },
  { section: "ages", part: sections.agesPart },
  { section: "queue", part: sections.queuePart },
  { section: "redis", part: sections.redisPart },
  { section: "database", part: sections.databasePart },
  { section: "database", part: sections.tablesPart },
  { section: "database", part: sections.statementsPart, wide: true },
];

/** @returns {import("../app.js").Page} */
export function monitoringPage() {
  live.watchMachine(null);
  /** @type {Range} */
  let range = "1h";
  let request = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const charts = makeCharts();
  const status = h("p", { class: "muted small", role: "status" });
  const problem = h("p", { class: "form-problem", role: "alert" });
  const alerts = h("section", { id: "operator-alerts" });
  const availability = h("section", { id: "availability" });
  const places = PARTS.map(({ section, wide }) => h("div", { class: `system-part system-part-${section}${wide ? " system-part-wide" : ""}` }));

  async function loadHistory() {
    const mine = ++request;
    clearTimeout(timer);
    loadOperatorAlerts(alerts);
    loadAvailability(availability);
    try {
      const { data } = await api.get(`/api/monitoring/history?hours=${RANGES[range]}`);
      if (mine !== request) return;
      for (const chart of charts) chart.show(data);
      problem.textContent = "";
    } catch (error) {
      if (mine !== request) return;
      problem.textContent = problemText(error);
    }
    timer = setTimeout(loadHistory, RELOAD_MS[range]);
  }

  /** @param {MessageEvent} message */
  function show(message) {
    /** @type {Now} */
    const now = JSON.parse(message.data);
    const newest = now.sections.map((section) => section.taken_at).sort().at(-1);
    if (newest) replace(status, now.running ? t("monitoring.seen") : t("monitoring.stopped"), " ", ageElement(newest));
    for (const { name, document } of now.sections) {
      PARTS.forEach(({ section, part }, at) => {
        if (section === name) replaceOpen(places[at], part(document));
      });
    }
  }

  /** @param {Range} chosen */
  function choose(chosen) {
    range = chosen;
    loadHistory();
  }

  const stream = new EventSource("/api/monitoring/stream");
  stream.onmessage = show;
  loadHistory();
  return {
    element: h(
      "div",
      { class: "page" },
      h("h1", null, t("admin.title")),
      administrationTabs("monitoring"),
      h("header", { class: "panel-head" }, status, rangeChoice(range, choose)),
      problem,
      alerts,
      availability,
      h("div", { class: "system-charts" }, charts.map((chart) => chart.element)),
      h("p", { class: "muted small" }, t("monitoring.marks")),
      h("div", { class: "system-parts" }, places),
    ),
    leave() {
      request++;
      clearTimeout(timer);
      stream.close();
      for (const chart of charts) chart.end();
    },
  };
}

function makeCharts() {
  const tiers = ["gateway", "api", "link"];
  /** @param {string} name */
  const ofTiers = (name) => tiers.map((tier) => ({ label: tier, section: "tiers", name: `${tier}.${name}` }));
  const count = (/** @type {number} */ value) => number(value, value > 0 && value < 10 && value % 1 ? 1 : 0);
  return [
    systemChart(t("monitoring.requests"), ofTiers("requests_per_s"), sections.perSecond),
    systemChart(t("monitoring.latency"), ofTiers("p95_s"), sections.milliseconds),
    systemChart(t("monitoring.errors"), ofTiers("errors_per_s"), sections.perSecond),
    systemChart(
      t("monitoring.ingest"),
      [
        { label: t("monitoring.readings"), section: "tiers", name: "readings_per_s" },
        { label: t("monitoring.clips"), section: "tiers", name: "clips_per_s" },
        { label: t("monitoring.analyses"), section: "tiers", name: "analyses_per_s" },
      ],
      sections.perSecond,
    ),
    systemChart(
      t("monitoring.cpu"),
      [
        { label: t("monitoring.host"), section: "host", name: "cpu_percent" },
        { label: "SignalCraft", section: "processes", name: "cpu_percent" },
      ],
      sections.percent,
    ),
    systemChart(
      t("monitoring.memory"),
      [
        { label: t("monitoring.host"), section: "host", name: "memory_used_bytes" },
        { label: "SignalCraft", section: "processes", name: "memory_bytes" },
      ],
      sections.bytes,
    ),
    systemChart(
      t("monitoring.queue"),
      [
        { label: t("monitoring.messages"), section: "queue", name: "messages" },
        { label: t("monitoring.analyses"), section: "queue", name: "analyses" },
        { label: t("monitoring.mails"), section: "queue", name: "mails" },
      ],
      count,
    ),
    systemChart(t("monitoring.connections"), [{ label: "PostgreSQL", section: "database", name: "connections" }, { label: "Redis", section: "redis", name: "clients" }], count),
    systemChart(
      t("monitoring.network"),
      [
        { label: t("monitoring.received"), section: "host", name: "network_received_bytes_per_s" },
        { label: t("monitoring.sent"), section: "host", name: "network_sent_bytes_per_s" },
      ],
      (value) => `${sections.bytes(value)}/s`,
    ),
    systemChart(t("monitoring.disk"), [{ label: t("monitoring.used"), section: "host", name: "disk_used_bytes" }, { label: "PostgreSQL", section: "database", name: "size_bytes" }], sections.bytes),
  ];
}

/**
 * Puts a part in place of the one before, with the same rows unfolded.
 * @param {HTMLElement} place
 * @param {HTMLElement} part
 */
function replaceOpen(place, part) {
  for (const open of place.querySelectorAll("details[open]")) {
    part.querySelector(`details[data-name="${open.getAttribute("data-name")}"]`)?.setAttribute("open", "");
  }
  const left = place.querySelector(".table-scroll")?.scrollLeft ?? 0;
  replace(place, part);
  part.querySelector(".table-scroll")?.scrollTo({ left });
}

/**
 * @param {Range} initial
 * @param {(range: Range) => void} choose
 */
function rangeChoice(initial, choose) {
  const names = /** @type {Range[]} */ (Object.keys(RANGES));
  return h(
    "fieldset",
    { class: "segments" },
    h("legend", { class: "visually-hidden" }, t("readings.range")),
    names.map((name) => h("label", null, h("input", { type: "radio", name: "range", value: name, checked: name === initial, onchange: () => choose(name) }), h("span", null, t(`range.${name}`)))),
  );
}
