// People upload 10 s recordings of their machines and wait for the result.
import exec from 'k6/execution';
import { analyse } from './lib/analysis.js';
import { inTurns, people } from './lib/stage.js';

export { handleSummary } from './lib/summary.js';

export default function () {
  analyse(inTurns(people), exec.scenario.iterationInTest);
}
