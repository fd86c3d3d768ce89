/* One machine on the overview: the owner's questions in the owner's order. */

import { h } from "../dom.js";
import { ageElement } from "../format.js";
import { t, textOf, wordOf } from "../i18n.js";
import { alarmPanel } from "./alarm.js";
import { lightBadge } from "./light.js";
import { readingsRow } from "./readings.js";
import { unauthenticatedTag } from "./unauthenticated.js";
import { diagnosisLine, learningProgress, syntheticTag } from "./verdict.js";

/** @typedef {import("../../../types").MachineCard} MachineCard */

/** @typedef {{machine: MachineCard, progress: string | undefined}} Shown */

/** @param {Shown} shown */
export function machineCard(shown) {
  return h("article", { class: cardClass(shown.machine) }, machineBody(shown));
}

/** @param {MachineCard} machine */
export function cardClass(machine) {
  return `card machine-card machine-card-${machine.light}`;
}

/**
 * What the card of a machine says, whether a shop has it or not.
 * @param {Shown} shown
 */
export function machineBody({ machine, progress }) {
  const address = `/machines/${machine.id}`;
  return [
    h(
      "header",
      { class: "card-head" },
      h("h3", null, h("a", { class: "card-link", href: address, "data-focus": `machine-${machine.id}` }, machine.name)),
      lightBadge(machine.light),
      syntheticTag(machine.synthetic),
      // A device that waits to be claimed can't have shown a key yet.
      machine.shop_id !== null && unauthenticatedTag(machine.device),
    ),
    machine.open_alarm
      ? alarmPanel(machine.open_alarm, { withForm: false })
      : reasonLine(machine),
    deviceLine(machine),
    readingsRow(machine.latest_reading),
    learningProgress(machine.baseline),
    // While learning, the newest diagnosis only repeats the progress bar.
    !(machine.baseline.state === "learning" && machine.latest_analysis?.verdict === "learning") &&
      // What an open alarm or the head of the card has said is not said again.
      diagnosisLine(machine.latest_analysis, { withSentence: !machine.open_alarm, withTag: !machine.synthetic }),
    progress && progressLine(progress),
  ];
}

/**
 * Why the light is as it is. Left out where the rest of the card says the same.
 * @param {MachineCard} machine
 */
function reasonLine(machine) {
  const repeated = machine.light === "blue" || (machine.light === "green" && machine.latest_analysis !== null);
  return !repeated && machine.light_reason && h("p", { class: "reason" }, textOf(machine.light_reason));
}

/**
 * Only trouble with the device is worth a line on this page.
 * @param {MachineCard} machine
 */
export function deviceLine({ device }) {
  if (!device || device.status === "online") return null;
  return h(
    "p",
    { class: "device-line small" },
    wordOf("device", device.status),
    device.last_seen_at && [" · ", t("device.last_seen"), " ", ageElement(device.last_seen_at)],
  );
}

/** @param {string} stage */
export function progressLine(stage) {
  return h("p", { class: "progress-line small" }, h("span", { class: "spinner", "aria-hidden": "true" }), wordOf("stage", stage));
}
