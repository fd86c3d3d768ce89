/* One analysis in full: verdict, sentence, picture, sound, and for the technician what it was made with. */

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { fullMoment, number } from "../format.js";
import { t } from "../i18n.js";
import { bandText, spectrogram } from "./spectrogram.js";
import { analysisTime, ratioText, syntheticTag, verdictBadge, verdictSentence } from "./verdict.js";

/** @typedef {import("../../../types").Analysis} Analysis */

export function analysisDetail() {
  const element = h("div", { class: "analysis-detail", "aria-live": "off" });
  /** @type {ReturnType<typeof spectrogram> | null} */
  let picture = null;
  /** @type {HTMLAudioElement | null} */
  let player = null;
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
      if (mine === request) replace(element, h("p", { class: "notice" }, error.status === 0 ? t("problem.unreachable") : error.message));
    }
  }

  /** @param {Analysis} analysis */
  function draw(analysis) {
    clear();
    const bands = analysis.explanation?.bands ?? [];
    player = audioPlayer(analysis.clip_id);
    const shown = player;
    picture = spectrogram({
      clipId: analysis.clip_id,
      bands,
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
        syntheticTag(analysis.synthetic),
        h("strong", null, ratioText(analysis)),
        h("span", { class: "muted small" }, fullMoment(analysisTime(analysis))),
      ),
      h("p", { class: "diagnosis-sentence" }, verdictSentence(analysis)),
      picture.element,
      player,
      bands.length > 0 && h("ul", { class: "band-list" }, bands.map((band) => h("li", { class: `band-item band-item-${band.kind}` }, bandText(band)))),
      technicalFacts(analysis),
    );
  }

  function clear() {
    picture?.leave();
    player?.pause();
    picture = null;
    player = null;
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

/** @param {string} clipId */
function audioPlayer(clipId) {
  const address = `/api/clips/${encodeURIComponent(clipId)}/audio`;
  const player = h("audio", { class: "player", controls: true, preload: "metadata", src: address, "aria-label": t("player.label") });
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
  const { quality, versions, tail_probability: tail } = analysis;
  /** @type {[string, string | null][]} */
  const facts = [
    [t("fact.score"), analysis.score !== null && analysis.limit !== null ? t("fact.score_of", { score: number(analysis.score, 2), limit: number(analysis.limit, 2) }) : null],
    [t("fact.tail"), tail === null ? null : `≤ ${number(tail * 100, 1)} %`],
    [t("fact.duration"), measured(quality?.duration_s, 1, "s")],
    [t("fact.level"), measured(quality?.rms_dbfs, 1, "dBFS")],
    [t("fact.peak"), measured(quality?.peak_dbfs, 1, "dBFS")],
    [t("fact.clipped"), measured(quality?.clipped_fraction && quality.clipped_fraction * 100, 2, "%")],
    [t("fact.features"), versions.features],
    [t("fact.detector"), versions.detector],
    [t("fact.baseline"), versions.baseline === null ? null : String(versions.baseline)],
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
