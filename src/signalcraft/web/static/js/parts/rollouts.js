/* Staged roll-outs of firmware: begin, widen, stop, take back. */

import * as api from "../api.js";
import { h, renderKeyed, replace } from "../dom.js";
import { moment } from "../format.js";
import { t, wordOf } from "../i18n.js";
import * as store from "../store.js";
import { field, submitting } from "./fields.js";

/** @typedef {import("../../../types").FirmwareImage} FirmwareImage */
/** @typedef {import("../../../types").Rollout} Rollout */

const UPDATE_STATES = /** @type {const} */ (["pending", "downloading", "installing", "completed", "failed", "cancelled"]);
const ALL_SHOPS = "all";

export function rolloutsPart() {
  const list = h("ul", { class: "model-list" });
  const none = h("p", { class: "muted" }, t("rollouts.none"));
  const image = h("select", { name: "image_id", required: true });
  const percent = h("input", { name: "percent", type: "number", min: 1, max: 100, step: 1, value: 10, required: true });
  const shop = h("select", { name: "shop_ids" });
  const problem = h("p", { class: "form-problem", role: "alert" });
  const form = h(
    "form",
    { class: "rollout-form", onsubmit: begin, hidden: true },
    field(t("rollouts.image"), image),
    field(t("rollouts.percent"), percent),
    field(t("rollouts.shop"), shop),
    h("button", { class: "button primary", type: "submit" }, t("rollouts.begin")),
    problem,
  );

  async function load() {
    /** @type {{rollouts: Rollout[]}} */
    const { rollouts } = await api.get("/api/firmware/rollouts");
    // What is being typed must survive the progress of the devices.
    if (list.querySelector("input:focus")) return;
    none.hidden = rollouts.length > 0;
    renderKeyed(list, rollouts, ({ id }) => id, (rollout) => rolloutItem(rollout, load));
  }

  /** @param {SubmitEvent} event */
  function begin(event) {
    event.preventDefault();
    submitting(form, problem, async () => {
      await api.post("/api/firmware/rollouts", {
        image_id: Number(image.value),
        percent: Number(percent.value),
        shop_ids: shop.value === ALL_SHOPS ? null : [Number(shop.value)],
      });
      await load();
    });
  }

  // Opened by its address the page knows the shops a little later.
  const end = store.subscribe("overview", (/** @type {import("../../../types").Overview | null} */ overview) => {
    const chosen = shop.value || ALL_SHOPS;
    replace(shop, h("option", { value: ALL_SHOPS }, t("rollouts.all_shops")), (overview?.shops ?? []).map(({ id, name }) => h("option", { value: id }, name)));
    shop.value = chosen;
  });

  return {
    element: h("section", { class: "panel rollouts", "aria-labelledby": "rollouts-title" }, h("h2", { id: "rollouts-title" }, t("rollouts.title")), form, none, list),
    load,
    /** @param {FirmwareImage[]} images */
    offer(images) {
      form.hidden = images.length === 0;
      replace(image, images.map(({ id, version, hardware }) => h("option", { value: id }, `${version} · ${hardware}`)));
    },
    leave: end,
  };
}

/**
 * @param {Rollout} rollout
 * @param {() => Promise<void>} changed
 */
function rolloutItem(rollout, changed) {
  const address = `/api/firmware/rollouts/${rollout.id}`;
  const { completed = 0, failed = 0, cancelled = 0 } = rollout.updates;
  const begun = UPDATE_STATES.reduce((sum, state) => sum + (rollout.updates[state] ?? 0), 0);
  const problem = h("p", { class: "form-problem", role: "alert" });
  const percent = h("input", { name: "percent", type: "number", min: rollout.percent, max: 100, step: 1, value: rollout.percent, required: true, "aria-label": t("rollouts.percent") });
  const reason = h("input", { name: "reason", maxlength: 500, "aria-label": t("rollouts.reason"), placeholder: t("rollouts.reason") });

  /** @param {() => Promise<unknown>} work */
  const change = (work) =>
    submitting(form, problem, async () => {
      await work();
      await changed();
    });
  /** @param {"stop" | "rollback"} ending */
  const end = (ending) => change(() => api.post(`${address}/${ending}`, { reason: reason.value.trim() || null }));

  const form = h(
    "form",
    {
      class: "rollout-controls",
      onsubmit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        change(() => api.patch(address, { percent: Number(percent.value) }));
      },
    },
    rollout.state === "running" && [percent, h("button", { class: "button", type: "submit" }, t("rollouts.widen"))],
    rollout.state !== "rolled_back" && [
      reason,
      rollout.state === "running" && h("button", { class: "button", type: "button", onclick: () => end("stop") }, t("rollouts.stop")),
      h("button", { class: "button", type: "button", onclick: () => end("rollback") }, t("rollouts.roll_back")),
    ],
    problem,
  );
  return h(
    "li",
    { class: `model rollout-${rollout.state}` },
    h(
      "p",
      { class: "model-head" },
      h("strong", null, `${rollout.version} · ${rollout.hardware}`),
      h("span", { class: "tag" }, wordOf("rollout", rollout.state)),
      h("span", null, `${rollout.percent} %`),
      h("span", { class: "muted small" }, rollout.shop_ids ? t("rollouts.shops", { count: rollout.shop_ids.length }) : t("rollouts.all_shops"), " · ", moment(rollout.created_at)),
    ),
    h("progress", { max: Math.max(begun, 1), value: completed + failed + cancelled, "aria-label": t("rollouts.progress") }),
    h(
      "p",
      { class: "small" },
      UPDATE_STATES.filter((state) => rollout.updates[state])
        .map((state) => `${wordOf("update", state)} ${rollout.updates[state]}`)
        .join(" · ") || t("rollouts.nobody_yet"),
    ),
    rollout.reason && h("p", { class: "muted small" }, rollout.reason),
    form,
  );
}
