/* All devices a person may see; for administrators also firmware and its roll-outs. */

import * as api from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import * as live from "../live.js";
import { deviceList } from "../parts/device-list.js";
import { problemText } from "../parts/fields.js";
import { firmwarePart } from "../parts/firmware.js";
import { rolloutsPart } from "../parts/rollouts.js";
import * as store from "../store.js";

/** @typedef {import("../../../types").DeviceEvent} DeviceEvent */

const RELOAD_MS = 15_000;
// A fleet that comes back after an outage sends many events at once.
const AFTER_EVENT_MS = 1_000;

/** @returns {import("../app.js").Page} */
export function devicesPage() {
  live.watchMachine(null);
  const isAdmin = store.get("session")?.role === "admin";
  const list = deviceList();
  const rollouts = isAdmin ? rolloutsPart() : null;
  const firmware = rollouts && firmwarePart((images) => rollouts.offer(images));
  const problem = h("p", { class: "form-problem", role: "alert" });
  const element = h(
    "div",
    { class: "page devices" },
    h("h1", null, t("devices.title")),
    problem,
    list.element,
    firmware?.element,
    rollouts?.element,
  );
  let isOver = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let due = Infinity;

  async function load() {
    due = Infinity;
    try {
      const [{ devices }] = await Promise.all([api.get("/api/devices"), rollouts?.load()]);
      list.show(devices);
      problem.textContent = "";
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem.textContent = problemText(error);
    }
    loadIn(RELOAD_MS);
  }

  /**
   * The earliest wish counts, so that a flow of events does not put it off.
   * @param {number} delay in ms
   */
  function loadIn(delay) {
    if (isOver || Date.now() + delay >= due) return;
    due = Date.now() + delay;
    clearTimeout(timer);
    timer = setTimeout(load, delay);
  }

  let isFirst = true;
  const end = store.subscribe("device", () => {
    if (!isFirst) loadIn(AFTER_EVENT_MS);
  });
  isFirst = false;
  load();
  return {
    element,
    leave() {
      isOver = true;
      clearTimeout(timer);
      end();
      rollouts?.leave();
    },
  };
}
