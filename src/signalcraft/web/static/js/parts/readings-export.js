/* The shown readings as a file, for whoever may take them along. */

import * as api from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";

/** @param {() => [number, number]} span of time shown, in epoch ms */
export function readingsExport(span) {
  let device = "";
  const problem = h("p", { class: "form-problem", role: "alert" });
  const element = h(
    "div",
    { class: "export", hidden: true },
    h("span", { class: "muted small" }, t("export.title")),
    h("button", { class: "button", type: "button", onclick: () => download("csv") }, "CSV"),
    h("button", { class: "button", type: "button", onclick: () => download("parquet") }, "Parquet"),
    problem,
  );

  /** @param {"csv" | "parquet"} format */
  async function download(format) {
    problem.textContent = "";
    const [from, to] = span();
    const query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), format });
    try {
      // The browser itself writes the file, however large; it can't renew an expired access, so that comes first.
      await api.get("/api/auth/verify");
      h("a", { href: `/api/devices/${encodeURIComponent(device)}/readings/export?${query}`, download: true }).click();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem.textContent = error.status === 0 ? t("problem.unreachable") : error.message;
    }
  }

  return {
    element,
    /** @param {string} deviceId */
    offer(deviceId) {
      device = deviceId;
      element.hidden = false;
    },
  };
}
