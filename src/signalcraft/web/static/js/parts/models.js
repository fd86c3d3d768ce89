/* What judges a machine, what is tried beside it, and who decided; for technicians and administrators. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { findMachine } from "../fleet.js";
import { moment, number } from "../format.js";
import { t, wordOf } from "../i18n.js";
import * as live from "../live.js";
import { problemText } from "../problems.js";
import * as store from "../store.js";

/** @typedef {import("../../../types").BaselineModel} BaselineModel */
/** @typedef {import("../../../types").Head} Head */
/** @typedef {import("../../../types").TrainingRun} TrainingRun */

const UNFINISHED = ["queued", "running"];

/** @param {number} machineId */
export function modelsPart(machineId) {
  const content = h("div", { class: "models-content" });
  const problem = h("p", { class: "form-problem", role: "alert" });
  /** @type {(() => void)[]} */
  const ends = [];
  const element = h(
    "details",
    { class: "panel models", ontoggle: () => element.open && load() },
    h("summary", null, h("h2", null, t("models.title"))),
    h("p", { class: "muted small" }, t("models.lead")),
    modelForm(),
    content,
    problem,
  );

  /** Machines of one model lend each other what they have learned, so somebody has to say which it is. */
  function modelForm() {
    const name = h("input", { name: "model", maxlength: 100, required: true, "aria-label": t("models.model"), placeholder: t("models.model") });
    let saved = "";
    ends.push(
      store.subscribe("overview", (/** @type {import("../../../types").Overview | null} */ overview) => {
        const model = (overview && findMachine(overview, machineId)?.machine.model) ?? "";
        // What is being typed stays.
        if (name.value === saved) name.value = model;
        saved = model;
      }),
    );
    return h("form", { class: "correction", onsubmit: save }, name, h("button", { class: "button", type: "submit" }, t("action.save")));

    /** @param {SubmitEvent} event */
    async function save(event) {
      event.preventDefault();
      if (await attempt(() => api.patch(`/api/machines/${machineId}`, { model: name.value.trim() }))) await live.refresh();
    }
  }

  async function load() {
    const models = /** @type {import("../../../types").MachineModels | null} */ (await attempt(() => api.get(`/api/machines/${machineId}/models`)));
    const heads = /** @type {import("../../../types").HeadList | null} */ (await attempt(() => api.get("/api/heads")));
    if (!models || !heads) return;
    const isAdmin = store.get("session")?.role === "admin";
    replace(
      content,
      models.baselines.length === 0 && h("p", { class: "muted" }, t("models.none")),
      h("ul", { class: "model-list" }, models.baselines.map((baseline) => baselineItem(baseline, decide))),
      runLine(models.runs[0]),
      h("button", { class: "button", type: "button", "data-focus": "relearn", onclick: () => change(`/api/machines/${machineId}/relearn`, {}) }, t("models.relearn")),
      h("h3", null, t("models.heads")),
      h("p", { class: "muted small" }, t("models.labels", { count: heads.labels, needed: heads.needed })),
      h("ul", { class: "model-list" }, heads.heads.map((head) => headItem(head, isAdmin ? decide : null))),
      isAdmin && runLine(heads.runs[0]),
      isAdmin && h("button", { class: "button", type: "button", "data-focus": "train", onclick: () => change("/api/heads/train", {}) }, t("models.train")),
    );
  }

  /**
   * @param {string} address
   * @param {"promote" | "drop"} decision
   */
  function decide(address, decision) {
    return change(address, { decision });
  }

  /**
   * @param {string} address
   * @param {object} body
   */
  async function change(address, body) {
    if (await attempt(() => api.post(address, body))) await load();
  }

  /** @param {() => Promise<any>} work */
  async function attempt(work) {
    problem.textContent = "";
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      problem.textContent = error.status === 403 ? t("models.forbidden") : problemText(error);
      return null;
    }
  }

  ends.push(
    store.subscribe("training", (/** @type {TrainingRun} */ run) => {
      if (element.open && (run.machine_id === machineId || run.machine_id === null)) load();
    }),
  );
  return { element, leave: () => ends.forEach((end) => end()) };
}

/** @typedef {(address: string, decision: "promote" | "drop") => void} Decide */

/**
 * @param {BaselineModel} baseline
 * @param {Decide} decide
 */
function baselineItem(baseline, decide) {
  const { figures } = baseline;
  return modelItem(
    baseline,
    `${wordOf("state", baseline.run_state)} · ${t("models.version", { version: baseline.version })}`,
    [
      baseline.kind === "model" && t("models.of_model"),
      t("models.clips", { clips: baseline.clips }),
      baseline.detector,
      figures && figures.healthy_clips > 0 && t("models.healthy_over", change(figures.healthy_over_limit)),
      figures && figures.faulty_clips > 0 && t("models.faults_found", change(figures.faults_found)),
    ],
    `/api/baselines/${baseline.id}/decision`,
    decide,
  );
}

/**
 * @param {Head} head
 * @param {Decide | null} decide
 */
function headItem(head, decide) {
  const { figures } = head;
  return modelItem(
    head,
    t("models.version", { version: head.version }),
    [t("models.learned_from", { labels: figures.labels, machines: figures.machines }), t("models.accuracy", change(figures.accuracy))],
    `/api/heads/${head.id}/decision`,
    decide,
  );
}

/**
 * @param {BaselineModel | Head} model
 * @param {string} title
 * @param {(string | false | null)[]} facts
 * @param {string} address
 * @param {Decide | null} decide
 */
function modelItem(model, title, facts, address, decide) {
  const { decision } = model;
  const why = decision && [decision.person ?? (decision.rule && wordOf("rule", decision.rule)), decision.reason].filter(Boolean).join(" · ");
  return h(
    "li",
    { class: `model model-${model.status}` },
    h("p", { class: "model-head" }, h("strong", null, title), h("span", { class: "tag" }, wordOf("standing", model.status)), h("span", { class: "muted small" }, moment(model.created_at))),
    h("p", { class: "small" }, facts.filter(Boolean).join(" · ")),
    why && h("p", { class: "muted small" }, why),
    decide &&
      model.status === "shadow" &&
      h(
        "p",
        { class: "model-decision" },
        h("button", { class: "button primary", type: "button", onclick: () => decide(address, "promote") }, t("models.promote")),
        h("button", { class: "button", type: "button", onclick: () => decide(address, "drop") }, t("models.drop")),
      ),
  );
}

/** @param {{old: number | null, new: number | null}} share */
function change(share) {
  return { old: percent(share.old), new: percent(share.new) };
}

/** @param {number | null} share */
function percent(share) {
  return share === null ? "–" : `${number(share * 100, 1)} %`;
}

/** @param {TrainingRun | undefined} run */
function runLine(run) {
  if (!run || !UNFINISHED.includes(run.state)) return null;
  return h("p", { class: "learning" }, h("progress", { max: 1, value: run.progress, "aria-label": t("models.training") }), h("span", { class: "small" }, t("models.training")));
}
