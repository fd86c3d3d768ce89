/* Faults of the page itself. They are kept until it stands; then the server is asked whether anybody wants to know of
 * them, and only then what reports them is loaded. */

import * as api from "./api.js";

const KEPT = 5;

/** What was thrown before the reporter was there, or null once it is.
 * @type {unknown[] | null} */
let early = [];

/** @param {ErrorEvent | PromiseRejectionEvent} event */
function keep(event) {
  if (early && early.length < KEPT) early.push("reason" in event ? event.reason : (event.error ?? event.message));
}

/** Called first of all. */
export function keepFaults() {
  addEventListener("error", keep);
  addEventListener("unhandledrejection", keep);
}

/** Called when the page stands: from here on nobody waits for it. */
export function reportFaults() {
  const whenIdle = window.requestIdleCallback ?? setTimeout;
  whenIdle(async () => {
    try {
      const { reported, release } = await api.get("/api/browser-errors");
      if (reported) (await import("./fault-reports.js")).start(release, early ?? []);
    } catch {
      // The server is away, or an older one: the page works without.
    }
    early = null;
    removeEventListener("error", keep);
    removeEventListener("unhandledrejection", keep);
  });
}
