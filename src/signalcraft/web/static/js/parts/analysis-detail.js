/* One analysis in full: verdict, sentence, picture, sound, and for the technician what it was made with. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { fullMoment, number } from "../format.js";
import { t, textOf, wordOf } from "../i18n.js";
import { problemText } from "../problems.js";
import { diagnosisList } from "./diagnosis.js";
import { feedback } from "./feedback.js";
import { bandText, lineText, momentText, spectrogram } from "./spectrogram.js";
import { analysisTime, ratioText, stateTag, syntheticTag, verdictBadge, verdictSentence } from "./verdict.js";

/** @typedef {import("../../../types").Analysis} Analysis */

export function analysisDetail() {
  const element = h("div", { class: "analysis-detail", "aria-live": "off" });
  /** @type {ReturnType<typeof spectrogram> | null} */
  let picture = null;
  /** @type {HTMLAudioElement | null} */
  let player = null;
  /** @type {ReturnType<typeof feedback> | null} */
  let labels = null;
  let request = 0;

  /** @param {string} analysisId */
  async function show(analysisId) {
    const mine = ++request;
    try {
      /** @type {{analysis: Analysis}} */
      const { analysis } = await api.get(`/api/analyses/${encodeURIComponent(analysisId)}`);
      if (mine === request) draw(analysis);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      if (mine === request) replace(element, h("p", { class: "notice" }, problemText(error)));
    }
  }

  /** @param {Analysis} analysis */
  function draw(analysis) {
    clear();
    const { bands = [], lines = [], moments = [], advice = null } = analysis.explanation ?? {};
    player = audioPlayer(analysis.clip_id, t("player.label"));
    const shown = player;
    const judged = analysis.machine_id !== null && (analysis.verdict === "normal" || analysis.verdict === "anomalous");
    labels = judged ? feedback(analysis) : null;
    picture = spectrogram({
      clipId: analysis.clip_id,
      bands,
      lines,
      moments,
      seek(seconds) {
        shown.currentTime = seconds;
      },
    });
    const drawn = picture;
    shown.addEventListener("timeupdate", () => drawn.showPosition(shown.currentTime));
    replace(
      element,
      h(
        "p",
        { class: "diagnosis-head" },
        verdictBadge(analysis),
        stateTag(analysis),
        syntheticTag(analysis.synthetic),
        h("strong", null, ratioText(analysis)),
        h("span", { class: "muted small" }, fullMoment(analysisTime(analysis))),
      ),
      h("p", { class: "diagnosis-sentence" }, verdictSentence(analysis)),
      analysis.verdict === "anomalous" && advice && h("p", { class: "advice" }, h("strong", null, t("alarm.advice")), " ", textOf(advice)),
      picture.element,
      players(shown, analysis.nearest_clip_id),
      bands.length + lines.length + moments.length > 0 &&
        h(
          "ul",
          { class: "band-list" },
          bands.map((band) => h("li", { class: `band-item band-item-${band.kind}` }, bandText(band))),
          lines.map((line) => h("li", { class: "band-item band-item-line" }, lineText(line))),
          moments.map((moment) => h("li", { class: "band-item band-item-moment" }, momentText(moment))),
        ),
      analysis.diagnosis && diagnosisList(analysis.diagnosis.conditions),
      labels?.element,
      technicalFacts(analysis),
    );
  }

  function clear() {
    picture?.leave();
    player?.pause();
    labels?.leave();
    picture = null;
    player = null;
    labels = null;
  }

  return {
    element,
    show,
    isPlaying: () => player !== null && !player.paused,
    /** The language of a static text: nothing analysed yet. */
    showNone() {
      request++;
      clear();
      replace(element, h("p", { class: "muted" }, t("analysis.none")));
    },
    leave() {
      request++;
      clear();
    },
  };
}

/**
 * The clip, and beside it the healthy one that it resembles most: the difference is heard sooner than explained.
 * @param {HTMLAudioElement} now
 * @param {string | null} nearest
 */
function players(now, nearest) {
  if (nearest === null) return now;
  const normal = audioPlayer(nearest, t("player.normal"));
  now.addEventListener("play", () => normal.pause());
  normal.addEventListener("play", () => now.pause());
  return h(
    "div",
    { class: "players" },
    h("div", null, h("p", { class: "small" }, t("player.now")), now),
    h("div", null, h("p", { class: "small" }, t("player.normal")), normal),
  );
}

/**
 * @param {string} clipId
 * @param {string} label
 */
function audioPlayer(clipId, label) {
  const address = `/api/clips/${encodeURIComponent(clipId)}/audio`;
  const player = h("audio", { class: "player", controls: true, preload: "metadata", src: address, "aria-label": label });
  player.addEventListener(
    "error",
    async () => {
      // The player's own requests can't renew an expired access token: renew it, then let it try once more.
      await api.restoreSession().catch(() => null);
      player.src = address;
    },
    { once: true },
  );
  return player;
}

/** @param {Analysis} analysis */
function technicalFacts(analysis) {
  const { quality, versions, tail_probability: tail, tail_interval: interval, heard_in: heard } = analysis;
  const tailRange = interval && ` (${number(interval.low * 100, 1)} – ${number(interval.high * 100, 1)} %)`;
  /** @type {[string, string | null][]} */
  const facts = [
    [t("fact.score"), analysis.score !== null && analysis.limit !== null ? t("fact.score_of", { score: number(analysis.score, 2), limit: number(analysis.limit, 2) }) : null],
    [t("fact.tail"), tail === null ? null : interval ? `${tail < 5e-5 ? "< 0.01" : number(tail * 100, 2)} %${tailRange}` : `≤ ${number(tail * 100, 1)} %`],
    [t("fact.state"), heard && `${wordOf("state", heard.run_state)}${heard.probability === null ? "" : ` (${number(heard.probability * 100, 0)} %)`}`],
    [t("fact.duration"), measured(quality?.duration_s, 1, "s")],
    [t("fact.level"), measured(quality?.rms_dbfs, 1, "dBFS")],
    [t("fact.peak"), measured(quality?.peak_dbfs, 1, "dBFS")],
    [t("fact.clipped"), measured(quality?.clipped_fraction && quality.clipped_fraction * 100, 2, "%")],
    [t("fact.features"), versions.features],
    [t("fact.detector"), versions.detector],
    [t("fact.baseline"), versions.baseline === null ? null : String(versions.baseline)],
    [t("fact.state_version"), versions.state],
    [t("fact.diagnosis"), versions.diagnosis],
    [t("fact.head"), versions.head === null ? null : String(versions.head)],
    [t("fact.decision"), versions.decision],
    [t("fact.revision"), analysis.revision > 1 ? String(analysis.revision) : null],
    [t("fact.attempts"), analysis.attempts > 1 ? String(analysis.attempts) : null],
  ];
  return h(
    "details",
    { class: "facts", open: matchMedia("(min-width: 901px)").matches },
    h("summary", null, t("fact.title")),
    h("dl", null, facts.filter(([, value]) => value !== null).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value)))),
  );
}

/**
 * @param {number | null | undefined} value
 * @param {number} digits
 * @param {string} unit
 */
function measured(value, digits, unit) {
  return typeof value === "number" ? `${number(value, digits)} ${unit}` : null;
}
