/* The beginning: language, session, which page for which address. */

import { startAnnouncing } from "./announcer.js";
import * as api from "./api.js";
import { h } from "./dom.js";
import { keepFaults, reportFaults } from "./faults.js";
import { tickAges } from "./format.js";
import { restoreLanguage, t } from "./i18n.js";
import * as live from "./live.js";
import { go } from "./navigation.js";
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
  sendOn();
  const next = (await openPage(location.pathname)) ?? (store.get("session") ? await pageFor(location.pathname) : signInPage());
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

/** Signed-in people have no use for the sign-in, and administrators no rights before their second factor. */
function sendOn() {
  const session = store.get("session");
  if (!session) return;
  if (session.enrolment_required && location.pathname !== "/account") history.replaceState(null, "", "/account");
  else if (location.pathname === "/sign-in") history.replaceState(null, "", "/");
}

/**
 * Pages for everybody: those that the sign-in and mails lead to.
 * @param {string} path
 * @returns {Promise<Page | null>}
 */
async function openPage(path) {
  if (path === "/register") return (await import("./pages/register.js")).registerPage();
  if (path === "/accept-invitation") return (await import("./pages/invitation.js")).invitationPage();
  if (path === "/forgot-password") return (await import("./pages/mail-links.js")).forgotPasswordPage();
  if (path === "/reset-password") return (await import("./pages/mail-links.js")).resetPasswordPage();
  if (path === "/confirm-email") return (await import("./pages/mail-links.js")).confirmEmailPage();
  return null;
}

/**
 * @param {string} path
 * @returns {Promise<Page>}
 */
async function pageFor(path) {
  if (path === "/") return overviewPage();
  if (path === "/account") return (await import("./pages/account.js")).accountPage();
  const administration = /^\/admin(?:\/(.*))?$/.exec(path);
  if (administration && ["admin", "super_admin"].includes(store.get("session").role)) {
    if (administration[1] === "monitoring") return (await import("./pages/monitoring.js")).monitoringPage();
    const found = (await import("./pages/admin.js")).adminPage(administration[1] ?? "");
    if (found) return found;
  }
  const shop = /^\/shops\/(\d+)\/?$/.exec(path);
  if (shop) return (await import("./pages/shop.js")).shopPage(Number(shop[1]));
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

/** The page of an address that was gone to, by a link or by the browser's buttons. */
async function arrive() {
  // A link within the page (the skip link) changes the address, too.
  if (location.hash === "#main") return;
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
  go(link.pathname + link.search);
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
  addEventListener("popstate", arrive);
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

keepFaults();
begin().finally(reportFaults);
