// Fifty shops on an ordinary day: nodes send readings and clips, people come, look and upload. Each part is a
// scenario of its own (`loadtests/profiles.py`).
import exec from 'k6/execution';
import { analyse } from './lib/analysis.js';
import { signIn, verify } from './lib/entry.js';
import { sendClip } from './lib/node_clips.js';
import { present } from './lib/presence.js';
import { sendBatch, sendReading } from './lib/readings.js';
import { loadMachine, loadOverview } from './lib/screens.js';
import { inTurns, people } from './lib/stage.js';

export { handleSummary } from './lib/summary.js';

const READ_BACK = 100;

export function reading() {
  const turn = exec.scenario.iterationInTest;
  sendReading(present(), turn, turn % READ_BACK === 0);
}

export function batch() {
  const turn = exec.scenario.iterationInTest;
  sendBatch(present(), turn, turn % READ_BACK === 0);
}

export function clip() {
  sendClip(present(), exec.scenario.iterationInTest);
}

export function look() {
  const person = present();
  loadOverview(person);
  loadMachine(person, exec.scenario.iterationInTest);
}

export function arrive() {
  const { username } = inTurns(people);
  const opened = signIn(username);
  if (opened) verify(opened.token, username);
}

export function upload() {
  analyse(present(), exec.scenario.iterationInTest);
}
