/* Sentry's SDK, which catches what the page did not expect and reads its stack. It sends nothing itself: what leaves
 * is put together here, field by field, and goes to our own server (docs/errors.md). */

import {
  BrowserClient,
  dedupeIntegration,
  defaultStackParser,
  getCurrentScope,
  globalHandlersIntegration,
  linkedErrorsIntegration,
} from "../vendor/sentry/sentry.esm.js";
import { ApiError, newestRequestId } from "./api.js";
import { findMachine } from "./fleet.js";
import { language } from "./i18n.js";
import * as store from "./store.js";

/** Of one page: something that fails ten times fails for the same reason. */
const AT_MOST = 10;
const REMOVED = "[removed]";

/**
 * @param {string} release that the page is of
 * @param {unknown[]} early what was thrown before
 */
export function start(release, early) {
  let left = AT_MOST;
  const client = new BrowserClient({
    // It wants an address and never uses it: browsers neither know nor reach the tracker.
    dsn: `${location.protocol}//page@${location.host}/1`,
    stackParser: defaultStackParser,
    integrations: [globalHandlersIntegration(), linkedErrorsIntegration({ limit: 3 }), dedupeIntegration()],
    maxBreadcrumbs: 0,
    sendClientReports: false,
    // What the server refused it has told itself, where it was a fault.
    beforeSend: (event, hint) => (hint.originalException instanceof ApiError || left-- <= 0 ? null : event),
    transport: () => ({
      send: async ([, items]) => {
        for (const [head, event] of items) if (head.type === "event") await send(reportOf(event, release));
        return {};
      },
      flush: async () => true,
    }),
  });
  getCurrentScope().setClient(client);
  client.init();
  for (const error of early) client.captureException(error);
}

/** @param {object} report */
async function send(report) {
  const headers = { "Content-Type": "application/json", "X-Requested-With": "signalcraft" };
  // It survives the page. Whatever becomes of it, there is nobody to tell.
  await fetch("/api/browser-errors", { method: "POST", headers, body: JSON.stringify(report), keepalive: true }).catch(() => null);
}

/**
 * @param {import("../vendor/sentry/sentry.esm.js").Event} event
 * @param {string} release
 */
function reportOf(event, release) {
  return {
    errors: event.exception.values.slice(-3).map((thrown) => ({
      type: oneLine(thrown.type ?? "Error", 100),
      message: scrubbed(thrown.value ?? ""),
      frames: (thrown.stacktrace?.frames ?? []).slice(-30).map((frame) => ({
        file: oneLine(pathOf(frame.filename ?? ""), 200),
        function: oneLine(frame.function ?? "?", 100),
        line: frame.lineno ?? null,
        column: frame.colno ?? null,
      })),
    })),
    release,
    page: oneLine(location.pathname, 200),
    language: language(),
    browser: browser(navigator.userAgent),
    request_id: newestRequestId(),
    user_id: store.get("session")?.id ?? null,
    shop_id: shopHere(location.pathname),
  };
}

/** The path of an address of ours; others as they are, without query.
 * @param {string} address */
function pathOf(address) {
  const bare = address.replace(/[?#].*$/s, "");
  return bare.startsWith(location.origin) ? bare.slice(location.origin.length) || "/" : bare;
}

/**
 * What was typed and who is here must not leave: messages may quote it (that of a JSON error does, of an invalid selector).
 * @param {string} message
 */
function scrubbed(message) {
  const typed = [...document.querySelectorAll("input, textarea")].map((field) => /** @type {HTMLInputElement} */ (field).value);
  let text = message.replace(/(https?:\/\/[^\s?#]+)[?#]\S*/g, "$1").replace(/"[^"]*"/g, `"${REMOVED}"`);
  for (const value of [...typed, store.get("session")?.username ?? ""]) {
    if (value.length >= 3) text = text.replaceAll(value, REMOVED);
  }
  return text.slice(0, 1000).replace(/(?!\n)[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/gu, " ");
}

/**
 * Without what the server takes in no text: control characters, turned writing, half characters.
 * @param {string} text
 * @param {number} length
 */
function oneLine(text, length) {
  return text.slice(0, length).replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, " ");
}

/** Kind and main version, such as "Firefox 140": enough to see that only one kind fails.
 * @param {string} agent */
function browser(agent) {
  const found = /(Edg|SamsungBrowser|Whale|Firefox|Chrome|Version)\/(\d+)/.exec(agent);
  return found ? `${found[1] === "Version" ? "Safari" : found[1]} ${found[2]}` : "";
}

/** Number of the shop whose page or machine is shown.
 * @param {string} path */
function shopHere(path) {
  const [, kind, id] = /^\/(shops|machines)\/(\d+)/.exec(path) ?? [];
  if (kind === "shops") return Number(id);
  const overview = store.get("overview");
  return kind && overview ? (findMachine(overview, Number(id))?.machine.shop_id ?? null) : null;
}
