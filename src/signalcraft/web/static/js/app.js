/* The beginning: language, session, which page for which address. */

import { startAnnouncing } from "./announcer.js";
import * as api from "./api.js";
import { h } from "./dom.js";
import { tickAges } from "./format.js";
import { restoreLanguage, t } from "./i18n.js";
import * as live from "./live.js";
import { overviewPage } from "./pages/overview.js";
import { signInPage } from "./pages/sign-in.js";
import { headerPart } from "./parts/header.js";
import * as store from "./store.js";

/**
 * What a page gives: its element, and what must be ended when it goes.
 * @typedef {{element: HTMLElement, leave: () => void}} Page
 */

const RETRY_MS = 3_000;

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
/** @type {Page | null} */
let page = null;
/** Counts page changes, so that a page whose module arrives late does not replace a later one. */
let visit = 0;

async function showPage() {
  const thisVisit = ++visit;
  const signedIn = Boolean(store.get("session"));
  const next = signedIn ? await pageFor(location.pathname) : signInPage();
  if (thisVisit !== visit) {
    next.leave();
    return;
  }
  page?.leave();
  page = next;
  root.replaceChildren(
    h("a", { class: "skip-link", href: "#main" }, t("action.skip")),
    headerPart(),
    h("main", { id: "main", tabindex: "-1" }, next.element),
  );
}

/**
 * @param {string} path
 * @returns {Promise<Page>}
 */
async function pageFor(path) {
  if (path === "/") return overviewPage();
  const machine = /^\/machines\/(\d+)\/?$/.exec(path);
  if (machine) {
    // Loaded when first needed: the overview should not wait for the charts.
    const { machinePage } = await import("./pages/machine.js");
    return machinePage(Number(machine[1]));
  }
  if (/^\/devices\/?$/.test(path)) {
    const { devicesPage } = await import("./pages/devices.js");
    return devicesPage();
  }
  return {
    element: h("p", { class: "notice" }, t("page.missing"), " ", h("a", { href: "/" }, t("page.home"))),
    leave() {},
  };
}

/** @param {string} address path with query, of this site */
async function navigate(address) {
  history.pushState(null, "", address);
  await showPage();
  scrollTo(0, 0);
  document.getElementById("main")?.focus({ preventScroll: true });
}

/** @param {MouseEvent} event */
function followLinkHere(event) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const link = /** @type {Element} */ (event.target).closest("a");
  if (!link || link.origin !== location.origin || link.target || link.hash || link.pathname.startsWith("/api/")) return;
  event.preventDefault();
  navigate(link.pathname + link.search);
}

/** A page opened while the server restarts must not ask for the password: the session is probably fine. */
async function restoreSessionPatiently() {
  for (;;) {
    try {
      await api.restoreSession();
      return;
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      root.replaceChildren(headerPart(), h("p", { class: "notice", role: "status" }, t("problem.unreachable")));
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function begin() {
  restoreLanguage();
  document.addEventListener("click", followLinkHere);
  addEventListener("popstate", showPage);
  startAnnouncing();
  tickAges();
  await restoreSessionPatiently();
  store.subscribe("session", (user) => {
    if (user) live.start();
    else live.stop();
    showPage();
  });
  let shown = store.get("language");
  store.subscribe("language", (language) => {
    if (language !== shown) showPage();
    shown = language;
  });
}

begin();
