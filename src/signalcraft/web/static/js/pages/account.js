/* What belongs to the signed-in person: profile, ways to sign in, sessions, tokens, their data. */

import { h } from "../dom.js";
import { t } from "../i18n.js";
import * as live from "../live.js";
import { kakaoPart, profilePart } from "../parts/account/credentials.js";
import { personalDataPart } from "../parts/account/personal-data.js";
import { secondFactorPart } from "../parts/account/second-factor.js";
import { sessionsPart } from "../parts/account/sessions.js";
import { tokensPart } from "../parts/account/tokens.js";
import * as store from "../store.js";

/** @returns {import("../app.js").Page} */
export function accountPage() {
  live.watchMachine(null);
  const parts = store.get("session").enrolment_required
    ? [secondFactorPart()] // nothing else counts before that
    : [profilePart(), secondFactorPart(), kakaoPart(), sessionsPart(), tokensPart(), personalDataPart()];
  return { element: h("div", { class: "page narrow" }, h("h1", null, t("account.title")), parts), leave() {} };
}
