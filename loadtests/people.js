// People who are signed in for minutes: each loads the first page every five seconds. Their event streams are held
// by `screens.py`, since k6 has none.
import { sleep } from 'k6';
import exec from 'k6/execution';
import { present } from './lib/presence.js';
import { loadOverview } from './lib/screens.js';

export { handleSummary } from './lib/summary.js';

const EVERY_S = 5;

export default function () {
  // Each at their own moment of the five seconds.
  if (exec.vu.iterationInScenario === 0) sleep(Math.random() * EVERY_S);
  const began = Date.now();
  loadOverview(present());
  sleep(Math.max(0, EVERY_S - (Date.now() - began) / 1000));
}
