// Nodes send one reading a request; one in a hundred is read back.
import exec from 'k6/execution';
import { present } from './lib/presence.js';
import { sendReading } from './lib/readings.js';

export { handleSummary } from './lib/summary.js';

const READ_BACK = 100;

export default function () {
  const turn = exec.scenario.iterationInTest;
  sendReading(present(), turn, turn % READ_BACK === 0);
}
