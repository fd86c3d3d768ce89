/* The device of a machine: whether it is there, how it does, how well its machine is, and what it is told to do. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { ageElement, duration, now, number } from "../format.js";
import { t, wordOf } from "../i18n.js";
import * as store from "../store.js";
import { healthView } from "./device-health.js";
import { deviceOrders } from "./device-orders.js";
import { problemText } from "./fields.js";

/** @typedef {import("../../../types").DeviceCard} DeviceCard */
/** @typedef {import("../../../types").DeviceDetail} DeviceDetail */
/** @typedef {import("../../../types").DeviceEvent} DeviceEvent */

const RELOAD_MS = 15_000;
// A command moves through its states within a second; one look after them is enough.
const AFTER_EVENT_MS = 300;
const CONFLICT_SHOWN_MS = 10 * 60_000;
const SECONDS_A_DAY = 86_400;
/** Signal strength from which a word holds, in dBm. */
const SIGNAL = /** @type {const} */ ([["good", -60], ["fair", -75], ["weak", -Infinity]]);

/**
 * @param {string} deviceId
 * @param {(detail: DeviceDetail) => void} loaded told of each answer
 */
export function devicePart(deviceId, loaded) {
  const address = `/api/devices/${encodeURIComponent(deviceId)}`;
  const state = h("div", { class: "device-state" });
  const problem = h("p", { class: "form-problem", role: "alert" });
  const orders = deviceOrders(address, load);
  const element = h(
    "section",
    { class: "panel device", "aria-labelledby": "device-title" },
    h("h2", { id: "device-title" }, t("machine.device", { id: deviceId })),
    state,
    problem,
    orders.element,
  );
  let isOver = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  async function load() {
    clearTimeout(timer);
    try {
      /** @type {DeviceDetail} */
      const detail = await api.get(address);
      if (isOver) return;
      problem.textContent = "";
      replace(state, stateView(detail), healthView(detail.device.health));
      orders.show(detail);
      loaded(detail);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem.textContent = problemText(error);
    }
    if (!isOver) loadIn(RELOAD_MS);
  }

  /** @param {number} delay in ms */
  function loadIn(delay) {
    clearTimeout(timer);
    timer = setTimeout(load, delay);
  }

  const end = store.subscribe("device", (/** @type {DeviceEvent} */ event) => {
    if (deviceOf(event) === deviceId) loadIn(AFTER_EVENT_MS);
  });
  load();
  return {
    element,
    leave() {
      isOver = true;
      clearTimeout(timer);
      end();
    },
  };
}

/** @param {DeviceEvent} event */
function deviceOf(event) {
  if (event.type === "firmware.rollout") return null;
  return event.type === "device.status" ? event.device.device_id : event.device_id;
}

/** @param {DeviceDetail} detail */
function stateView({ device, clock }) {
  return [
    h("p", { class: "device-head" }, statusBadge(device.status), h("span", { class: "muted small" }, t("device.last_seen"), " ", ageElement(device.last_seen_at))),
    conflictLine(device),
    h(
      "dl",
      { class: "device-facts" },
      fact(t("device.rhythm"), t("device.rhythm_of", { rhythm: duration(device.rhythm_s), late: duration(device.late_after_s), offline: duration(device.offline_after_s) })),
      fact(t("device.signal"), device.rssi_dbm === null ? null : `${number(device.rssi_dbm, 0)} dBm · ${signalWord(device.rssi_dbm)}`),
      fact(t("device.memory"), device.free_heap_bytes === null ? null : `${number(device.free_heap_bytes / 1024, 0)} KiB`),
      fact(t("device.boots"), number(device.boot_count, 0)),
      fact(t("device.uptime"), device.uptime_ms === null ? null : duration(device.uptime_ms / 1000)),
      fact(t("device.firmware"), [device.firmware_version, device.hardware_version].filter(Boolean).join(" · ") || null),
      fact(t("device.clock"), clockText(clock)),
    ),
  ];
}

/** @param {DeviceCard["status"]} status */
export function statusBadge(status) {
  return h("span", { class: `device-status device-status-${status}` }, h("span", { class: "device-dot", "aria-hidden": "true" }), wordOf("device", status));
}

/** @param {DeviceCard} device */
export function conflictLine({ id_conflict_at }) {
  if (!id_conflict_at || now() - Date.parse(id_conflict_at) > CONFLICT_SHOWN_MS) return null;
  return h("p", { class: "device-conflict", role: "alert" }, t("device.conflict"), " · ", ageElement(id_conflict_at));
}

/**
 * @param {string} name
 * @param {string | null} value
 */
function fact(name, value) {
  return value !== null && h("div", null, h("dt", null, name), h("dd", null, value));
}

/** @param {number} rssi */
function signalWord(rssi) {
  const [word] = SIGNAL.find(([, from]) => rssi >= from) ?? SIGNAL[2];
  return t(`signal.${word}`);
}

/** @param {DeviceDetail["clock"]} clock */
function clockText(clock) {
  if (!clock) return t("device.clock_own");
  if (clock.drift_ppm === null) return t("device.clock_learned");
  const seconds = (clock.drift_ppm * SECONDS_A_DAY) / 1e6;
  return t(seconds >= 0 ? "device.clock_slow" : "device.clock_fast", { seconds: number(Math.abs(seconds), 1) });
}
