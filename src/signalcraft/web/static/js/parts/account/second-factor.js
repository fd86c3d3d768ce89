/* The second factor: enrol with a QR code, confirm, keep the recovery codes, take it away. */

import * as api from "../../api.js";
import { h, replace } from "../../dom.js";
import { t } from "../../i18n.js";
import { problemText } from "../../problems.js";
import * as store from "../../store.js";
import { field, form } from "../form.js";
import { fold, panel } from "../listing.js";
import { showSecret } from "../secret.js";

/** @typedef {{enrolled: boolean, required: boolean, recovery_codes_left: number}} State */

export function secondFactorPart() {
  const codes = h("div", null);
  const onward = h("div", null);
  const place = h("div", { class: "listing" });
  const password = () => field("password", t("account.current_password"), { type: "password", autocomplete: "current-password", required: true });

  async function load() {
    try {
      const state = await api.get("/api/auth/second-factor");
      replace(place, state.enrolled ? enrolled(state) : notEnrolled(state));
    } catch (error) {
      replace(place, h("p", { class: "form-problem", role: "alert" }, problemText(error)));
    }
  }

  /** @param {State} state */
  function notEnrolled({ required }) {
    return [
      h("p", { class: required ? "warning" : "muted" }, required ? t("factor.required") : t("factor.lead")),
      form({ fields: [password()], button: t("factor.enrol"), send: async (values) => showQr(await api.post("/api/auth/second-factor/enrol", values)) }),
    ];
  }

  /** @param {{secret: string, qr_svg: string}} enrolment */
  function showQr({ secret, qr_svg: picture }) {
    const code = field("code", t("sign_in.code"), { autocomplete: "one-time-code", inputmode: "numeric", maxlength: 6, required: true });
    replace(
      place,
      h("p", null, t("factor.scan")),
      // A picture runs no script, whatever stands in it.
      h("img", { class: "qr", src: `data:image/svg+xml,${encodeURIComponent(picture)}`, alt: t("factor.qr") }),
      h("p", { class: "small" }, t("factor.by_hand"), " ", h("code", null, secret)),
      form({
        fields: [code],
        button: t("factor.confirm"),
        async send(values) {
          showCodes((await api.post("/api/auth/second-factor/confirm", values)).recovery_codes);
          await load();
        },
      }),
    );
    code.control.focus();
  }

  /** @param {string[]} recovery */
  function showCodes(recovery) {
    showSecret(codes, t("factor.codes"), recovery.join("\n"), t("factor.codes_note"));
    // An administrator who had to enrol has their rights from now on; the page asks who they are when the codes are safe.
    if (store.get("session")?.enrolment_required) replace(onward, h("button", { class: "button primary", type: "button", onclick: api.restoreSession }, t("factor.continue")));
  }

  /** @param {State} state */
  function enrolled({ required, recovery_codes_left: left }) {
    return [
      h("p", null, t("factor.on"), " ", t("factor.codes_left", { count: left })),
      fold(
        t("factor.new_codes"),
        form({ fields: [password()], button: t("factor.new_codes"), send: async (values) => {
          showCodes((await api.post("/api/auth/second-factor/recovery-codes", values)).recovery_codes);
          await load();
        } }),
      ),
      !required &&
        fold(
          t("factor.disable"),
          form({ fields: [password()], button: t("factor.disable"), kind: "danger", send: async (values) => {
            await api.post("/api/auth/second-factor/disable", values);
            codes.replaceChildren();
            await load();
          } }),
        ),
    ].flat();
  }

  load();
  return panel(t("factor.title"), codes, onward, place);
}
