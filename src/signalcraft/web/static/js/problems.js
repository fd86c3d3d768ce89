/* What went wrong, in the language of the page. The server's sentences come in English, Korean, or both in a row. */

import { ApiError } from "./api.js";
import { language, t } from "./i18n.js";

/** @type {Record<number, import("./i18n.js").MessageKey>} */
const GENERAL = {
  0: "problem.unreachable",
  401: "problem.signed_out",
  403: "problem.forbidden",
  404: "problem.missing",
  409: "problem.conflict",
  422: "problem.input",
  429: "problem.too_many",
};

/**
 * One sentence for the person. Whatever is not a refusal by the server is a fault of the page and thrown on.
 * @param {unknown} error
 */
export function problemText(error) {
  if (!(error instanceof ApiError)) throw error;
  const general = t(GENERAL[error.status] ?? (error.status >= 500 ? "problem.busy" : "problem.other"));
  if (error.status === 0) return general;
  return sentenceHere(error.detail) ?? general;
}

/**
 * What is wrong with each field that the server named.
 * @param {ApiError} error
 * @returns {Map<string, string>}
 */
export function fieldProblems(error) {
  return new Map(error.fields.map(({ field, message }) => [field, sentenceHere(message) ?? t("problem.field")]));
}

/**
 * The part of a text that is written in the language of the page, or null.
 * @param {string} text
 */
export function sentenceHere(text) {
  const wanted = language() === "ko";
  const here = text.split(/(?<=[.!?])\s+/).filter((sentence) => sentence && isKorean(sentence) === wanted);
  return here.length > 0 ? here.join(" ") : null;
}

/**
 * A Korean sentence may quote a Latin name and the other way round.
 * @param {string} sentence
 */
function isKorean(sentence) {
  return (sentence.match(/[가-힣]/g) ?? []).length > (sentence.match(/[a-z]/gi) ?? []).length / 3;
}
