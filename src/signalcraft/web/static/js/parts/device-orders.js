/* What a node is told: how to work (settings), and what to do once (commands). Forms only for those who may. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { ageElement, number } from "../format.js";
import { t, wordOf } from "../i18n.js";
import { field, submitting } from "./fields.js";

/** @typedef {import("../../../types").Command} Command */
/** @typedef {import("../../../types").DeviceDetail} DeviceDetail */

const SAMPLE_RATES_HZ = [8000, 16000, 22050, 32000, 44100, 48000];
const ORDERS = /** @type {const} */ (["calibrate", "restart"]);

/**
 * @param {string} address of the device in the API
 * @param {() => void} changed
 */
export function deviceOrders(address, changed) {
  const settings = settingsForm(address, changed);
  const orders = orderButtons(address, changed);
  const list = h("ul", { class: "command-list" });
  const none = h("p", { class: "muted small" }, t("command.none"));
  const element = h(
    "details",
    { class: "device-orders" },
    h("summary", null, h("h3", null, t("orders.title"))),
    settings.element,
    orders.element,
    none,
    list,
  );
  return {
    element,
    /** @param {DeviceDetail} detail */
    show(detail) {
      const mayManage = detail.may.includes("device.manage");
      settings.show(detail, mayManage);
      orders.element.hidden = !mayManage;
      none.hidden = detail.commands.length > 0;
      replace(list, detail.commands.map((command) => commandItem(command, mayManage ? cancel : null)));
    },
  };

  /** @param {Command} command */
  function cancel(command) {
    orders.attempt(() => api.remove(`${address}/commands/${command.id}`));
  }
}

/**
 * @param {string} address
 * @param {() => void} changed
 */
function settingsForm(address, changed) {
  const interval = h("input", { name: "upload_interval_s", type: "number", min: 1, max: 900, step: 1, required: true, inputmode: "numeric" });
  const rate = h("select", { name: "sample_rate_hz" }, SAMPLE_RATES_HZ.map((hz) => h("option", { value: hz }, `${number(hz, 0)} Hz`)));
  const unit = h("select", { name: "vibration_unit" }, h("option", { value: "g" }, "g"), h("option", { value: "m/s2" }, "m/s²"));
  const type = h("input", { name: "device_type", pattern: "[a-z][a-z0-9_]{0,31}", required: true, autocapitalize: "none", list: "device-types" });
  const types = h("datalist", { id: "device-types" }, ["freezer", "refrigerator", "compressor"].map((value) => h("option", { value })));
  const controls = [interval, rate, unit, type];
  const problem = h("p", { class: "form-problem", role: "alert" });
  const stand = h("p", { class: "muted small", role: "status" });
  const button = h("button", { class: "button primary", type: "submit" }, t("action.save"));
  const element = h(
    "form",
    { class: "settings-form", onsubmit: save },
    field(t("settings.interval"), interval),
    field(t("settings.sample_rate"), rate),
    field(t("settings.vibration_unit"), unit),
    field(t("settings.device_type"), type),
    types,
    button,
    problem,
    stand,
  );
  /** @type {string[] | null} */
  let saved = null;

  /** @param {SubmitEvent} event */
  function save(event) {
    event.preventDefault();
    submitting(element, problem, async () => {
      const [wasInterval, wasRate, wasUnit, wasType] = saved ?? [];
      const settings = {
        ...(interval.value !== wasInterval && { upload_interval_s: Number(interval.value) }),
        ...(rate.value !== wasRate && { sample_rate_hz: Number(rate.value) }),
      };
      const traits = {
        ...(unit.value !== wasUnit && { vibration_unit: unit.value }),
        ...(type.value !== wasType && { device_type: type.value }),
      };
      if (Object.keys(settings).length > 0) await api.patch(`${address}/settings`, settings);
      if (Object.keys(traits).length > 0) await api.patch(address, traits);
      saved = controls.map((control) => control.value);
      changed();
    });
  }

  return {
    element,
    /**
     * @param {DeviceDetail} detail
     * @param {boolean} mayManage
     */
    show({ device, settings }, mayManage) {
      const current = [String(settings.upload_interval_s), String(settings.sample_rate_hz), device.vibration_unit, device.device_type];
      controls.forEach((control, index) => {
        // What is being changed stays.
        if (!saved || control.value === saved[index]) control.value = current[index];
        control.disabled = !mayManage;
      });
      saved = current;
      button.hidden = !mayManage;
      stand.textContent =
        settings.version === 0 ? t("settings.own") : settings.applied_version === settings.version ? t("settings.applied") : t("settings.waiting");
    },
  };
}

/**
 * @param {string} address
 * @param {() => void} changed
 */
function orderButtons(address, changed) {
  const problem = h("p", { class: "form-problem", role: "alert" });
  const element = h(
    "form",
    { class: "label-buttons", onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    ORDERS.map((kind) => h("button", { class: "button", type: "button", "data-focus": kind, onclick: () => attempt(() => api.post(`${address}/commands`, { kind })) }, wordOf("kind", kind))),
    problem,
  );
  /** @param {() => Promise<unknown>} work */
  function attempt(work) {
    return submitting(element, problem, async () => {
      await work();
      changed();
    });
  }
  return { element, attempt };
}

/**
 * @param {Command} command
 * @param {((command: Command) => void) | null} cancel
 */
function commandItem(command, cancel) {
  const isOpen = command.state === "queued" || command.state === "delivered";
  return h(
    "li",
    { class: "command" },
    h("strong", null, wordOf("kind", command.kind)),
    h("span", { class: `tag command-${command.state}` }, wordOf("command", command.state)),
    h("span", { class: "muted small" }, ageElement(command.finished_at ?? command.delivered_at ?? command.created_at), command.message && ` · ${command.message}`),
    isOpen && cancel && h("button", { class: "button quiet", type: "button", onclick: () => cancel(command) }, t("command.cancel")),
  );
}
