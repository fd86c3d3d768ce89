// A person's recording, from its first byte to the result.
import http from 'k6/http';
import { sleep } from 'k6';
import { recording, voice } from './clips.js';
import { documentOf, holds, note } from './outcome.js';
import { bearer, ORIGIN, shops } from './stage.js';

const PATIENCE_MS = 60_000;
const LOOK_AGAIN_S = 0.1;
const VERDICTS = ['normal', 'anomalous', 'learning', 'not_assessable'];

export function analyse(person, turn) {
  const alike = shops[person.shop].machines.filter((machine) => machine.voice === voice);
  const machine = alike[turn % alike.length];
  const form = { audio: http.file(recording(turn), 'clip.wav', 'audio/wav'), machine_id: String(machine.id) };
  const began = Date.now();
  const headers = bearer(person.token);
  let answer = http.post(`${ORIGIN}/api/ai/analyze?wait=10`, form, { headers, tags: { name: 'analyze' } });
  let job = documentOf(answer)?.job;
  const sent = job?.id;
  // Few may wait for their result in the request; the others are told where to ask.
  while (job && !job.result && job.state !== 'failed' && Date.now() - began < PATIENCE_MS) {
    sleep(LOOK_AGAIN_S);
    answer = http.get(`${ORIGIN}/api/ai/jobs/${sent}`, { headers, tags: { name: 'job' } });
    job = documentOf(answer)?.job;
  }
  const took = Date.now() - began;
  const good = holds(answer, {
    'the analysis is done': () => job.state === 'done',
    'the result is of the clip that was sent': () => job.id === sent && job.result.id === sent,
    'the result has a clip': () => job.result.clip_id.length === 36,
    'the result is of the machine that was named': () => job.result.machine_id === machine.id,
    'there is a verdict': () => VERDICTS.includes(job.result.verdict),
    'what was judged has a score and its limit': () =>
      !['normal', 'anomalous'].includes(job.result.verdict) || (job.result.score !== null && job.result.limit !== null),
  });
  note('analysis', took, good);
}
