/* The traffic light. Each colour has its own outline and sign, so that it reads without colour too. */

import { h, svg } from "../dom.js";
import { t } from "../i18n.js";

/** @typedef {import("../../../types").Light} Light */

/** @type {Record<Light, () => SVGElement[]>} */
const SIGNS = {
  red: () => [
    svg("path", { class: "light-shape", d: "M8.2 2h7.6L22 8.2v7.6L15.8 22H8.2L2 15.8V8.2z" }),
    svg("path", { class: "light-sign", d: "M12 7v6.2M12 16.6v.2" }),
  ],
  yellow: () => [
    svg("path", { class: "light-shape", d: "M12 2.6 22.6 21H1.4z" }),
    svg("path", { class: "light-sign", d: "M12 9.4v5M12 17.7v.2" }),
  ],
  green: () => [
    svg("circle", { class: "light-shape", cx: 12, cy: 12, r: 10 }),
    svg("path", { class: "light-sign", d: "m7.6 12.4 3 3 5.8-6.4" }),
  ],
  blue: () => [
    svg("circle", { class: "light-ring", cx: 12, cy: 12, r: 8.8 }),
    svg("path", { class: "light-ring-sign", d: "M8 12.1v-.2M12 12.1v-.2M16 12.1v-.2" }),
  ],
  grey: () => [
    svg("circle", { class: "light-ring light-dashed", cx: 12, cy: 12, r: 8.8 }),
    svg("path", { class: "light-ring-sign", d: "M8.6 12h6.8" }),
  ],
};

/**
 * The sign alone, for places where the word stands beside it.
 * @param {Light} light
 */
export function lightMark(light) {
  return svg("svg", { class: `light light-${light}`, viewBox: "0 0 24 24", "aria-hidden": "true" }, SIGNS[light]());
}

/**
 * Sign and word.
 * @param {Light} light
 */
export function lightBadge(light) {
  return h("span", { class: `light-badge light-badge-${light}` }, lightMark(light), t(`light.${light}`));
}
