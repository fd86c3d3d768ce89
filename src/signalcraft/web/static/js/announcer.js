/* Says when an alarm begins or ends: a toast that screen readers speak, and a count in the tab's title. */

import { h } from "./dom.js";
import { allMachines } from "./fleet.js";
import { t, textOf } from "./i18n.js";
import { lightMark } from "./parts/light.js";
import * as store from "./store.js";

/** @typedef {import("../../types").Alarm} Alarm */

const TOAST_MS = 15_000;

/** Open alarms of the last snapshot; null before the first, which announces nothing.
 * @type {Map<number, Alarm> | null} */
let known = null;

export function startAnnouncing() {
  store.subscribe("overview", (overview) => {
    if (!overview) {
      known = null;
      document.title = "SignalCraft";
      return;
    }
    const alarms = allMachines(overview).flatMap((machine) => (machine.open_alarm ? [machine.open_alarm] : []));
    const open = new Map(alarms.map((alarm) => [alarm.id, alarm]));
    if (known) announceChanges(known, open);
    known = open;
    document.title = open.size > 0 ? `(${open.size}) SignalCraft` : "SignalCraft";
  });
}

/**
 * @param {Map<number, Alarm>} before
 * @param {Map<number, Alarm>} after
 */
function announceChanges(before, after) {
  for (const [id, alarm] of after) {
    const former = before.get(id);
    if (!former) toast("red", t("toast.raised", { machine: alarm.machine_name }), alarm);
    else if (former.severity !== alarm.severity) toast("red", t("toast.changed", { machine: alarm.machine_name }), alarm);
  }
  for (const [id, alarm] of before) {
    if (!after.has(id)) toast("green", t("toast.cleared", { machine: alarm.machine_name }), alarm);
  }
}

/**
 * @param {"red" | "green"} light
 * @param {string} title
 * @param {Alarm} alarm
 */
function toast(light, title, alarm) {
  const close = () => element.remove();
  const element = h(
    "div",
    { class: `toast toast-${light}` },
    lightMark(light),
    h(
      "a",
      { class: "toast-text", href: `/machines/${alarm.machine_id}`, onclick: close },
      h("strong", null, title),
      light === "red" && h("span", null, textOf(alarm.summary)),
    ),
    h("button", { class: "icon-button", type: "button", "aria-label": t("action.close"), onclick: close }, "✕"),
  );
  document.getElementById("toasts")?.append(element);
  setTimeout(close, TOAST_MS);
}
