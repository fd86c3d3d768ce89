/* The administration: one section at a time, each with its own address. */

import { h } from "../dom.js";
import { t } from "../i18n.js";
import * as live from "../live.js";
import { devicesPart, shopsPart } from "../parts/admin/fleet.js";
import { auditPart, sessionsPart, settingsPart, tokensPart } from "../parts/admin/system.js";
import { isSuperAdmin, userPart, usersPart } from "../parts/admin/users.js";

/** @returns {Record<string, [string, () => HTMLElement]>} title and contents by the address below /admin/ */
function sectionsOfAdministration() {
  return {
    users: [t("admin.users"), usersPart],
    shops: [t("admin.shops"), shopsPart],
    devices: [t("admin.devices"), devicesPart],
    sessions: [t("admin.sessions"), sessionsPart],
    tokens: [t("tokens.title"), tokensPart],
    audit: [t("admin.audit"), () => auditPart()],
    ...(isSuperAdmin() && { settings: [t("admin.settings"), settingsPart] }),
  };
}

/**
 * Links to all sections and to the monitoring, which is a page of its own.
 * @param {string} current
 */
export function administrationTabs(current) {
  const titles = Object.entries(sectionsOfAdministration()).map(([section, [title]]) => [section, title]);
  const tabs = [...titles, ["monitoring", t("monitoring.title")]].map(([section, title]) =>
    h("a", { href: `/admin/${section}`, "aria-current": section === current ? "page" : null }, title),
  );
  const nav = h("nav", { class: "tabs", "aria-label": t("admin.title") }, tabs);
  // On a phone the sections are wider than the screen.
  requestAnimationFrame(() => nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }));
  return nav;
}

/**
 * @param {string} path below /admin/, empty for the first section
 * @returns {import("../app.js").Page | null} null when there is no such section
 */
export function adminPage(path) {
  live.watchMachine(null);
  const sections = sectionsOfAdministration();
  const [name = "users", id] = path.split("/").filter(Boolean);
  const person = name === "users" && id && /^\d+$/.test(id);
  if (!Object.hasOwn(sections, name) || (id && !person)) return null;
  return {
    element: h(
      "div",
      { class: "page narrow" },
      h("h1", null, t("admin.title")),
      administrationTabs(name),
      person ? userPart(Number(id)) : sections[name][1](),
    ),
    leave() {},
  };
}
