/* One machine: its light and alarm, its readings, its sound. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { findMachine } from "../fleet.js";
import { ageElement } from "../format.js";
import { t, textOf } from "../i18n.js";
import * as live from "../live.js";
import { alarmPanel } from "../parts/alarm.js";
import { analysesPart } from "../parts/analyses.js";
import { devicePart } from "../parts/device.js";
import { lightBadge } from "../parts/light.js";
import { deviceLine, progressLine } from "../parts/machine-card.js";
import { modelsPart } from "../parts/models.js";
import { readingsChart } from "../parts/readings-chart.js";
import { thresholdsPart } from "../parts/thresholds.js";
import { unauthenticatedTag } from "../parts/unauthenticated.js";
import { learningProgress, syntheticTag } from "../parts/verdict.js";
import { problemText } from "../problems.js";
import * as store from "../store.js";

/** @typedef {import("../../../types").MachineCard} MachineCard */
/** @typedef {import("../../../types").Shop} Shop */

/**
 * @param {number} machineId
 * @returns {import("../app.js").Page}
 */
export function machinePage(machineId) {
  live.watchMachine(machineId);
  const head = h("div", { class: "machine-head" });
  const alarmPlace = h("div", { class: "machine-alarm" });
  const readings = readingsChart(machineId);
  const analyses = analysesPart(machineId);
  const models = modelsPart(machineId);
  const devicePlace = h("div", { class: "machine-device" });
  const device = deviceSlot(devicePlace, readings.offerExport);
  const body = h("div", { class: "machine-body" }, analyses.element, readings.element, devicePlace, models.element);
  const element = h("div", { class: "page machine" }, h("a", { class: "back", href: "/" }, "← ", t("machine.back")), head, alarmPlace, body);
  const showAlarm = alarmSlot(alarmPlace);
  /** @type {string | undefined} */
  let newestAnalysis;

  function show() {
    const overview = store.get("overview");
    if (!overview) {
      replace(head, h("p", { class: "notice" }, t("page.loading")));
      return;
    }
    const found = findMachine(overview, machineId);
    body.hidden = found === null;
    if (!found) {
      showAlarm(null);
      replace(head, h("p", { class: "notice" }, t("machine.missing")));
      return;
    }
    showHead(head, found.machine, found.shop, store.get("progress")[machineId]);
    showAlarm(found.machine.open_alarm);
    analyses.standOn(found.machine.open_alarm?.analysis_id ?? null);
    readings.append(found.machine.latest_reading);
    device.show(found.machine.device?.device_id ?? null);
    const latest = found.machine.latest_analysis;
    const stand = latest ? `${latest.id} ${latest.state}` : "";
    if (newestAnalysis !== undefined && newestAnalysis !== stand) analyses.loadNewest();
    newestAnalysis = stand;
  }

  const ends = [store.subscribe("overview", show), store.subscribe("progress", show)];
  show();
  return {
    element,
    leave() {
      ends.forEach((end) => end());
      readings.leave();
      analyses.leave();
      models.leave();
      device.leave();
    },
  };
}

/**
 * @param {Element} head
 * @param {MachineCard} machine
 * @param {Shop | null} shop
 * @param {string | undefined} progress
 */
function showHead(head, machine, shop, progress) {
  // A name being typed must survive the updates of everything around it.
  if (head.querySelector(".rename:focus-within")) return;
  replace(
    head,
    h("p", { class: "muted" }, shop?.name ?? t("claim.title")),
    h(
      "div",
      { class: "machine-title" },
      h("h1", null, machine.name),
      shop && renameButton(head, machine),
      syntheticTag(machine.synthetic),
      shop && unauthenticatedTag(machine.device),
      lightBadge(machine.light),
    ),
    !machine.open_alarm && machine.light_reason && machine.light !== "blue" && h("p", { class: "reason" }, textOf(machine.light_reason)),
    learningProgress(machine.baseline),
    deviceFacts(machine),
    progress && progressLine(progress),
  );
}

/** @param {MachineCard} machine */
function deviceFacts(machine) {
  const { device } = machine;
  if (!device) return null;
  return (
    deviceLine(machine) ??
    h("p", { class: "muted small" }, t("machine.device", { id: device.device_id }), device.last_seen_at && [" · ", t("device.last_seen"), " ", ageElement(device.last_seen_at)])
  );
}

/**
 * @param {Element} head
 * @param {MachineCard} machine
 */
function renameButton(head, machine) {
  return h("button", { class: "icon-button", type: "button", "data-focus": "rename", "aria-label": t("machine.rename"), title: t("machine.rename"), onclick: startRenaming }, "✎");

  function startRenaming() {
    const name = h("input", { name: "name", value: machine.name, maxlength: 100, required: true, "aria-label": t("machine.rename") });
    const problem = h("p", { class: "form-problem", role: "alert" });
    const form = h("form", { class: "rename", onsubmit: save }, name, h("button", { class: "button primary", type: "submit" }, t("action.save")), problem);
    head.querySelector("h1")?.replaceWith(form);
    name.select();

    /** @param {SubmitEvent} event */
    async function save(event) {
      event.preventDefault();
      try {
        await api.patch(`/api/machines/${machine.id}`, { name: name.value.trim() });
        name.blur();
        form.remove();
        await live.refresh();
      } catch (error) {
        problem.textContent = problemText(error);
      }
    }
  }
}

/**
 * The device of the machine and the limits on its readings, made anew only when it is another device.
 * @param {Element} place
 * @param {(deviceId: string) => void} offerExport
 */
function deviceSlot(place, offerExport) {
  /** @type {string | null} */
  let shown = null;
  let leave = () => {};
  return {
    /** @param {string | null} deviceId */
    show(deviceId) {
      if (deviceId === shown) return;
      leave();
      shown = deviceId;
      place.replaceChildren();
      if (deviceId === null) return;
      let isFirst = true;
      const part = devicePart(deviceId, ({ may }) => {
        if (!isFirst) return;
        isFirst = false;
        if (may.includes("export.read")) offerExport(deviceId);
        place.append(thresholdsPart(deviceId, may.includes("threshold.manage")).element);
      });
      leave = part.leave;
      place.append(part.element);
    },
    leave: () => leave(),
  };
}

/**
 * Draws the alarm anew only when it has changed: a comment may be half typed.
 * @param {Element} place
 */
function alarmSlot(place) {
  let shown = "null";
  /** @param {import("../../../types").Alarm | null} alarm */
  return (alarm) => {
    const content = JSON.stringify(alarm);
    if (content === shown) return;
    shown = content;
    replace(place, alarm && alarmPanel(alarm, { withForm: true }));
  };
}
