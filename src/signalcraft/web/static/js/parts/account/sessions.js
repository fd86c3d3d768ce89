/* Where the person is signed in. */

import * as api from "../../api.js";
import { h } from "../../dom.js";
import { ageElement } from "../../format.js";
import { t } from "../../i18n.js";
import * as store from "../../store.js";
import { actionButton } from "../action.js";
import { listing, panel, row, tag } from "../listing.js";

/** @typedef {{id: string, device: string, address: string, created_at: string, last_used_at: string, second_factor: boolean, current: boolean}} Session */

export function sessionsPart() {
  const { element, reload } = listing({
    load: async () => ({ items: (await api.get("/api/auth/sessions")).sessions }),
    row: sessionRow,
    empty: "–",
  });

  /**
   * @param {Session} session
   * @param {() => Promise<void>} reload
   */
  function sessionRow(session, reload) {
    return row(
      [session.device, session.current && tag(t("sessions.current"))],
      [session.address, h("span", null, t("sessions.last_used"), " ", ageElement(session.last_used_at)), session.second_factor && t("sessions.second_factor")],
      session.current ? [] : [actionButton(t("sessions.end"), () => api.remove(`/api/auth/sessions/${session.id}`).then(reload))],
    );
  }

  async function endAll() {
    await api.post("/api/auth/logout-everywhere");
    store.set("session", null);
  }

  reload();
  return panel(
    t("sessions.title"),
    element,
    h("div", { class: "buttons" }, actionButton(t("sessions.end_all"), endAll, { question: t("sessions.end_all_question") }), h("button", { class: "button compact", type: "button", onclick: api.signOut }, t("sessions.sign_out"))),
  );
}
