/* The analyses of one machine: score over time, list newest first, and the chosen one in full. */

import * as api from "../api.js";
import { h, renderKeyed } from "../dom.js";
import { moment } from "../format.js";
import { t } from "../i18n.js";
import { problemText } from "../problems.js";
import { analysisDetail } from "./analysis-detail.js";
import { scoreChart } from "./score-chart.js";
import { analysisTime, heardAt, ratioText, shortRatio, stateTag, syntheticTag, verdictBadge } from "./verdict.js";

/** @typedef {import("../../../types").AnalysisSummary} AnalysisSummary */

const PAGE = 100;

/** @param {number} machineId */
export function analysesPart(machineId) {
  /** @type {AnalysisSummary[]} newest first */
  let analyses = [];
  /** @type {string | null} */
  let chosen = new URLSearchParams(location.search).get("analysis");
  // Until somebody chooses, what the open alarm rests on is shown; without one the newest, which is followed.
  let following = chosen === null;
  /** @type {string | null} */
  let evidence = null;
  /** @type {string | null} */
  let detailed = null;

  const detail = analysisDetail();
  const chart = scoreChart(choose);
  const list = h("ul", { class: "analysis-list" });
  const older = h("button", { class: "button", type: "button", hidden: true, onclick: loadOlder }, t("analyses.older"));
  const problem = h("p", { class: "form-problem", role: "status" });
  const element = h(
    "div",
    { class: "analyses" },
    h(
      "section",
      { class: "panel analysis-panel", "aria-labelledby": "analysis-title" },
      h("h2", { id: "analysis-title" }, t("analysis.title")),
      detail.element,
    ),
    h(
      "section",
      { class: "panel history-panel", "aria-labelledby": "analyses-title" },
      h("h2", { id: "analyses-title" }, t("analyses.title")),
      chart.element,
      problem,
      list,
      older,
    ),
  );

  /** @param {string} id */
  function choose(id) {
    chosen = id;
    following = id === (evidence ?? analyses[0]?.id);
    history.replaceState(null, "", following ? location.pathname : `?analysis=${encodeURIComponent(id)}`);
    show();
    if (matchMedia("(max-width: 900px)").matches) element.scrollIntoView({ behavior: "smooth" });
  }

  function show() {
    const newest = analyses.find((analysis) => analysis.state === "done") ?? analyses[0];
    if (following && !detail.isPlaying()) chosen = evidence ?? newest?.id ?? null;
    if (chosen === null) detail.showNone();
    else if (chosen !== detailed) detail.show(chosen);
    detailed = chosen;
    renderKeyed(
      list,
      analyses.map((analysis) => ({ analysis, isChosen: analysis.id === chosen })),
      ({ analysis }) => analysis.id,
      ({ analysis, isChosen }) => listItem(analysis, isChosen, choose),
    );
    chart.show(analyses, chosen);
  }

  /** @param {string} query */
  async function load(query) {
    problem.textContent = "";
    try {
      /** @type {{analyses: AnalysisSummary[]}} */
      const loaded = await api.get(`/api/machines/${machineId}/analyses?limit=${PAGE}${query}`);
      return loaded.analyses;
    } catch (error) {
      problem.textContent = problemText(error);
      return null;
    }
  }

  async function loadNewest() {
    const loaded = await load("");
    if (!loaded) return;
    const known = new Set(loaded.map((analysis) => analysis.id));
    const remembered = analyses.filter((analysis) => !known.has(analysis.id));
    if (remembered.length === 0) older.hidden = loaded.length < PAGE;
    analyses = [...loaded, ...remembered].sort((a, b) => heardAt(b) - heardAt(a));
    show();
  }

  async function loadOlder() {
    const last = analyses.at(-1);
    if (!last) return;
    const loaded = await load(`&before=${encodeURIComponent(analysisTime(last))}`);
    if (!loaded) return;
    analyses = [...analyses, ...loaded];
    older.hidden = loaded.length < PAGE;
    show();
  }

  /** @param {string | null} id the analysis that the open alarm rests on; null where none is open */
  function standOn(id) {
    if (id === evidence) return;
    evidence = id;
    show();
  }

  loadNewest();
  return {
    element,
    /** The server has newer analyses than the list. */
    loadNewest,
    choose,
    standOn,
    leave() {
      detail.leave();
      chart.leave();
    },
  };
}

/**
 * @param {AnalysisSummary} analysis
 * @param {boolean} isChosen
 * @param {(id: string) => void} choose
 */
function listItem(analysis, isChosen, choose) {
  return h(
    "li",
    null,
    h(
      "button",
      {
        class: "analysis-item",
        type: "button",
        "aria-pressed": isChosen ? "true" : "false",
        "data-focus": `analysis-${analysis.id}`,
        onclick: () => choose(analysis.id),
      },
      verdictBadge(analysis),
      stateTag(analysis),
      syntheticTag(analysis.synthetic),
      h("span", { class: "analysis-ratio muted small", title: ratioText(analysis) }, shortRatio(analysis)),
      h("time", { class: "muted small", datetime: analysisTime(analysis) }, moment(analysisTime(analysis))),
    ),
  );
}
