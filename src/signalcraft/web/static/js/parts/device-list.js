/* Devices one below the other: who is there, what runs on them, how well they are. */

import { h, renderKeyed, replace } from "../dom.js";
import { ageElement, number } from "../format.js";
import { t, wordOf } from "../i18n.js";
import { conflictLine, statusBadge } from "./device.js";
import { healthScore } from "./device-health.js";

/** @typedef {import("../../../types").DeviceCard} DeviceCard */

const STATUSES = /** @type {const} */ (["offline", "late", "online"]);

export function deviceList() {
  const search = h("input", { type: "search", "aria-label": t("devices.search"), placeholder: t("devices.search"), oninput: draw });
  const tally = h("p", { class: "tally", role: "status" });
  const rows = h("ul", { class: "device-list" });
  const none = h("p", { class: "muted", hidden: true }, t("devices.none_found"));
  /** @type {DeviceCard[]} */
  let devices = [];

  function draw() {
    const wanted = search.value.trim().toLowerCase();
    const found = devices.filter((device) => textOfDevice(device).includes(wanted));
    replace(
      tally,
      STATUSES.map((status) => {
        const count = found.filter((device) => device.status === status).length;
        return count > 0 && h("span", { class: "tally-item" }, h("strong", null, count), " ", wordOf("device", status));
      }),
    );
    none.hidden = found.length > 0;
    renderKeyed(rows, found.sort(byTrouble), ({ device_id }) => device_id, deviceRow);
  }

  return {
    element: h("section", { class: "panel" }, h("div", { class: "panel-head" }, tally, search), none, rows),
    /** @param {DeviceCard[]} loaded */
    show(loaded) {
      devices = loaded;
      draw();
    },
  };
}

/** @param {DeviceCard} device */
function deviceRow(device) {
  const { device_id, machine_id, machine_name, shop_name, status, last_seen_at, firmware_version, rssi_dbm, open_commands, health } = device;
  return h(
    "li",
    { class: "device-row" },
    h(
      "div",
      { class: "device-name" },
      h("a", { href: `/machines/${machine_id}`, "data-focus": `device-${device_id}` }, device_id),
      h("span", { class: "muted small" }, [shop_name, machine_name].filter(Boolean).join(" · ")),
    ),
    h("div", null, statusBadge(status), " ", h("span", { class: "muted small" }, ageElement(last_seen_at))),
    h(
      "div",
      { class: "small" },
      [firmware_version ?? "–", rssi_dbm !== null && `${number(rssi_dbm, 0)} dBm`, open_commands > 0 && t("devices.open_commands", { count: open_commands })]
        .filter(Boolean)
        .join(" · "),
    ),
    h("div", { class: "device-row-health" }, healthScore(health)),
    conflictLine(device),
  );
}

/** @param {DeviceCard} device */
function textOfDevice({ device_id, machine_name, shop_name, firmware_version }) {
  return [device_id, machine_name, shop_name, firmware_version].join(" ").toLowerCase();
}

/**
 * Those that are missed first.
 * @param {DeviceCard} a
 * @param {DeviceCard} b
 */
function byTrouble(a, b) {
  return STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status) || a.device_id.localeCompare(b.device_id, undefined, { numeric: true });
}
