// What `loadtests/stage.py` has made on the instance before k6 starts, and where the instance is.
import exec from 'k6/execution';
import { SharedArray } from 'k6/data';

const read = () => JSON.parse(open(__ENV.STAGE));

export const ORIGIN = __ENV.ORIGIN;
/** Counts the runs against one instance: what is unique in one must be so in all. */
export const ROUND = Number(__ENV.ROUND);
/** One password for all: each check of it costs the same. */
export const PASSWORD = __ENV.PASSWORD;

/** {username, token, refresh, shop}: `shop` is a place in `shops`. */
export const people = new SharedArray('people', () => read().people);
/** {id, machines: [{id, device, voice}]}: `voice` is the place of the clips that the machine sounds like. */
export const shops = new SharedArray('shops', () => read().shops);
/** The next one in turns, whichever virtual user takes it: quotas are counted by account, address and device. */
export function inTurns(all) {
  return all[exec.scenario.iterationInTest % all.length];
}

/** The person who belongs to this virtual user alone. */
export function own(all) {
  return all[(exec.vu.idInTest - 1) % all.length];
}

/** Headers of somebody who is signed in. */
export function bearer(token) {
  return { Authorization: `Bearer ${token}` };
}
