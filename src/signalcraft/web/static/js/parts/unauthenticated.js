/* The mark of a node that shows no key. */

import { h } from "../dom.js";
import { t } from "../i18n.js";

/** @param {{unauthenticated?: boolean} | null} device */
export function unauthenticatedTag(device) {
  return Boolean(device?.unauthenticated) && h("span", { class: "tag tag-yellow", title: t("devices.unauthenticated_title") }, t("devices.unauthenticated"));
}
