/* What is kept about the person: to take along, or to be erased. */

import * as api from "../../api.js";
import { h } from "../../dom.js";
import { t } from "../../i18n.js";
import * as store from "../../store.js";
import { actionButton } from "../action.js";
import { field, form } from "../form.js";
import { fold, panel } from "../listing.js";

/**
 * Saves an answer of the API as a file.
 * @param {string} path
 * @param {string} name
 */
export async function download(path, name) {
  const address = URL.createObjectURL(await (await api.fetchFile(path)).blob());
  h("a", { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

export function personalDataPart() {
  const certain = field("certain", t("data.certain"), { type: "checkbox", required: true });
  const password = field("password", t("account.current_password"), { type: "password", autocomplete: "current-password", required: true });
  return panel(
    t("data.title"),
    h("p", { class: "muted" }, t("data.lead")),
    h("div", { class: "buttons" }, actionButton(t("data.download"), () => download("/api/account/export", "signalcraft-personal-data.json"))),
    fold(
      t("data.erase"),
      h("p", { class: "warning" }, t("data.erase_warning")),
      form({
        fields: [password, certain],
        button: t("data.erase"),
        kind: "danger",
        async send(values) {
          await api.post("/api/account/erase", { password: values.password });
          store.set("session", null);
        },
      }),
    ),
  );
}
