/* Firmware images: those the system has, and taking in a signed one. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { moment, number } from "../format.js";
import { t } from "../i18n.js";
import { field, problemText, submitting } from "./fields.js";

/** @typedef {import("../../../types").FirmwareImage} FirmwareImage */

const HEADER = /^(X-[\w-]+):\s*(\S.*)$/;

/** @param {(images: FirmwareImage[]) => void} loaded told of the images that there are */
export function firmwarePart(loaded) {
  const list = h("ul", { class: "model-list" });
  const problem = h("p", { class: "form-problem", role: "alert" });
  const file = h("input", { name: "file", type: "file", accept: ".bin", required: true });
  const headers = h("textarea", { name: "headers", id: "firmware-headers", rows: 4, required: true, spellcheck: "false", placeholder: "X-Firmware-Version: 1.4.0\nX-SHA256: …\nX-Firmware-Signature: …" });
  const form = h(
    "form",
    { class: "upload-form", onsubmit: upload },
    field(t("firmware.file"), file),
    h("label", { class: "field", for: headers.id }, h("span", { class: "field-label" }, t("firmware.headers")), headers),
    h("button", { class: "button primary", type: "submit" }, t("firmware.upload")),
    problem,
  );

  async function load() {
    try {
      /** @type {{images: FirmwareImage[]}} */
      const { images } = await api.get("/api/firmware/images");
      replace(list, images.length === 0 ? h("li", { class: "muted" }, t("firmware.none")) : images.map(imageItem));
      loaded(images);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem.textContent = problemText(error);
    }
  }

  /** @param {SubmitEvent} event */
  function upload(event) {
    event.preventDefault();
    const image = file.files?.[0];
    if (!image) return;
    submitting(form, problem, async () => {
      await api.upload("/api/firmware/images", image, headersOf(headers.value));
      form.reset();
      await load();
    });
  }

  load();
  return {
    element: h(
      "section",
      { class: "panel firmware", "aria-labelledby": "firmware-title" },
      h("h2", { id: "firmware-title" }, t("firmware.title")),
      list,
      h("details", { class: "device-orders" }, h("summary", null, h("h3", null, t("firmware.add"))), h("p", { class: "muted small" }, t("firmware.lead"), " ", h("code", null, "signalcraft firmware sign")), form),
    ),
  };
}

/**
 * The lines that the signing command printed, as headers; other lines are left out.
 * @param {string} text
 */
function headersOf(text) {
  const found = text.split("\n").map((line) => HEADER.exec(line.trim()));
  return Object.fromEntries(found.flatMap((match) => (match ? [[match[1], match[2]]] : [])));
}

/** @param {FirmwareImage} image */
function imageItem({ version, hardware, size_bytes, sha256, key_id, stable, changelog, uploaded_at }) {
  return h(
    "li",
    { class: "model" },
    h("p", { class: "model-head" }, h("strong", null, version), h("span", { class: "tag" }, hardware), !stable && h("span", { class: "tag" }, t("firmware.unstable")), h("span", { class: "muted small" }, moment(uploaded_at))),
    changelog && h("p", { class: "small" }, changelog),
    h("p", { class: "muted small" }, `${number(size_bytes / 1024, 0)} KiB · ${t("firmware.key", { key: key_id })}`),
    h("p", { class: "muted small digest" }, `SHA-256 ${sha256}`),
  );
}
