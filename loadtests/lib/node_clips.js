// A node's clip, from its first byte until somebody of the shop reads the diagnosis.
import http from 'k6/http';
import { sleep } from 'k6';
import { samples, voice } from './clips.js';
import { documentOf, holds, note } from './outcome.js';
import { bearer, ORIGIN, shops } from './stage.js';

const PATIENCE_MS = 60_000;
const LOOK_AGAIN_S = 0.2;

/** Send a clip of a machine of the person's shop, who then waits for the diagnosis. */
export function sendClip(person, turn) {
  const alike = shops[person.shop].machines.filter((machine) => machine.voice === voice);
  const { device, id } = alike[turn % alike.length];
  const headers = {
    'Content-Type': 'application/octet-stream',
    'X-Device-ID': device,
    'X-Sample-Rate': '16000',
    'X-Bits-Per-Sample': '16',
    'X-Synthetic': 'true',
  };
  const began = Date.now();
  const answer = http.post(`${ORIGIN}/api/esp32/audio/upload`, samples(turn), { headers, tags: { name: 'clip' } });
  let good = holds(answer, {
    'the clip is of the node that sent it': (said) => said.device_id === device,
    'all of the clip came': (said) => Math.abs(said.duration_s - 10) < 0.01,
  });
  if (good) good = isDiagnosed(documentOf(answer), id, person, began);
  note('clip', Date.now() - began, good);
}

function isDiagnosed(accepted, machineId, reader, began) {
  let answer;
  let state;
  do {
    sleep(LOOK_AGAIN_S);
    answer = http.get(`${ORIGIN}/api/analyses/${accepted.analysis_id}`, { headers: bearer(reader.token), tags: { name: 'result' } });
    state = documentOf(answer)?.analysis?.state;
  } while (state && state !== 'done' && state !== 'failed' && Date.now() - began < PATIENCE_MS);
  return holds(answer, {
    'the diagnosis is done': (said) => said.analysis.state === 'done',
    'the diagnosis is of the clip that was sent': (said) => said.analysis.clip_id === accepted.clip_id && said.analysis.machine_id === machineId,
  });
}
