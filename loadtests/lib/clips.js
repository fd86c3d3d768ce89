// Sound of simulated compressors, made by `loadtests/stage.py`: recordings of real ones may not be passed on.
import { SharedArray } from 'k6/data';

const listed = new SharedArray('voices', () => JSON.parse(open(__ENV.STAGE)).voices);
const place = __VU % listed.length;

// k6 lets a virtual user open only what the first one (0) has opened, and each holds a copy of its own.
function opened(kind) {
  if (__VU === 0) return listed.map((one) => one[kind].map((file) => open(file, 'b')))[0];
  return listed[place][kind].map((file) => open(file, 'b'));
}

/** The voice whose clips this virtual user has. */
export const voice = place;
const wav = opened('wav');
const pcm = opened('pcm');

/** A recording as a phone sends it. */
export function recording(turn) {
  return wav[turn % wav.length];
}

/** Raw samples as a node sends them. */
export function samples(turn) {
  return pcm[turn % pcm.length];
}
