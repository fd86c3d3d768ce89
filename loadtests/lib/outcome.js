// What every journey measures, under the same names, so that one report reads all of them.
import { check } from 'k6';
import { Counter, Rate, Trend } from 'k6/metrics';

/** Milliseconds of what the journey is about, by `part`: an upload until its result, one request. */
const journey = new Trend('journey', true);
const done = new Counter('done');
/** Share of the journeys whose answer was missing, refused or wrong. */
const failed = new Rate('failed');

/**
 * Note one journey.
 * @param {string} part what of the script it was
 * @param {number} ms how long it took
 * @param {boolean} good whether everything in it held
 */
export function note(part, ms, good) {
  failed.add(!good, { part });
  if (good) {
    journey.add(ms, { part });
    done.add(1, { part });
  }
}

/**
 * Check what an answer says; an answer that cannot be read holds nothing.
 * @param {object} answer of k6/http
 * @param {Record<string, (document: any) => boolean>} claims by what they mean
 */
export function holds(answer, claims) {
  const document = documentOf(answer);
  const tests = {};
  for (const [meaning, claim] of Object.entries(claims)) {
    tests[meaning] = () => {
      try {
        return document !== null && Boolean(claim(document));
      } catch {
        return false;
      }
    };
  }
  return check(answer, { 'answered with success': ({ status }) => status >= 200 && status < 300, ...tests });
}

export function documentOf(answer) {
  try {
    return answer.json();
  } catch {
    return null;
  }
}
