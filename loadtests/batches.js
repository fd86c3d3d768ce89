// Gateways of shops send 500 readings a request; a reading of one batch in fifty is read back.
import exec from 'k6/execution';
import { present } from './lib/presence.js';
import { sendBatch } from './lib/readings.js';

export { handleSummary } from './lib/summary.js';

const READ_BACK = 50;

export default function () {
  const turn = exec.scenario.iterationInTest;
  sendBatch(present(), turn, turn % READ_BACK === 0);
}
