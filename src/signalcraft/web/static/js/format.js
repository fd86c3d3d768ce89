/* Numbers, times and ages for people: local zone, chosen language. */

import { h } from "./dom.js";
import { language, t } from "./i18n.js";

const LOCALES = { ko: "ko-KR", en: "en-GB" };
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

/** How far the server's clock is ahead of this device's, in ms: ages must not depend on a phone's wrong clock. */
let clockOffset = 0;

/** @param {string} serverTime ISO 8601, from an answer just received */
export function setServerClock(serverTime) {
  const offset = Date.parse(serverTime) - Date.now();
  // Under two seconds it is the network, and following it would make ages jump.
  clockOffset = Math.abs(offset) > 2000 ? offset : 0;
}

/** Epoch ms by the server's clock. */
export function now() {
  return Date.now() + clockOffset;
}

/**
 * @param {number} value
 * @param {number} digits after the decimal point
 */
export function number(value, digits) {
  return new Intl.NumberFormat(LOCALES[language()], {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: "negative", // no −0
  })
    .format(value)
    .replace("-", "−");
}

/**
 * Time of day today, with the date on other days.
 * @param {string | number} time
 */
export function moment(time) {
  const date = new Date(time);
  const today = new Date(now()).toDateString() === date.toDateString();
  return new Intl.DateTimeFormat(LOCALES[language()], {
    ...(today ? {} : { month: "short", day: "numeric" }),
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).format(date);
}

/** @param {string | number} time */
export function fullMoment(time) {
  return new Intl.DateTimeFormat(LOCALES[language()], {
    dateStyle: "medium",
    timeStyle: "medium",
    hourCycle: "h23",
  }).format(new Date(time));
}

/** @param {string | number} time */
export function day(time) {
  return new Intl.DateTimeFormat(LOCALES[language()], { month: "numeric", day: "numeric" }).format(new Date(time));
}

/**
 * A length of time in the unit that suits it: "45 sec", "12 min".
 * @param {number} seconds
 */
export function duration(seconds) {
  const [amount, unit] = seconds < 2 * MINUTE_S ? [seconds, "second"] : seconds < 2 * HOUR_S ? [seconds / MINUTE_S, "minute"] : [seconds / HOUR_S, "hour"];
  return new Intl.NumberFormat(LOCALES[language()], { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: amount < 10 ? 1 : 0 }).format(amount);
}

/**
 * "12 seconds ago". Times slightly ahead of the clock count as now.
 * @param {string} time ISO 8601
 */
export function age(time) {
  const seconds = Math.max(0, Math.round((now() - Date.parse(time)) / 1000));
  if (seconds < 2) return t("age.now");
  const format = new Intl.RelativeTimeFormat(LOCALES[language()], { numeric: "always" });
  if (seconds < MINUTE_S) return format.format(-seconds, "second");
  if (seconds < HOUR_S) return format.format(-Math.floor(seconds / MINUTE_S), "minute");
  if (seconds < 2 * DAY_S) return format.format(-Math.floor(seconds / HOUR_S), "hour");
  return format.format(-Math.floor(seconds / DAY_S), "day");
}

/**
 * An age that keeps itself up to date (see `tickAges`).
 * @param {string} time ISO 8601
 */
export function ageElement(time) {
  return h("time", { class: "age", datetime: time, title: fullMoment(time), "data-age": true }, age(time));
}

/** Keeps every age on the page true. One timer for all: hundreds of cards must not mean hundreds of timers. */
export function tickAges() {
  setInterval(() => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll("time[data-age]")) {
      const text = age(/** @type {HTMLTimeElement} */ (element).dateTime);
      if (element.textContent !== text) element.textContent = text;
    }
  }, 1000);
}
