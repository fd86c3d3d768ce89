// People look at their shop, at one of its machines, and at the figures.
import exec from 'k6/execution';
import { loadMachine, loadOverview, loadSummary } from './lib/screens.js';
import { inTurns, people } from './lib/stage.js';

export { handleSummary } from './lib/summary.js';

export default function () {
  const person = inTurns(people);
  loadOverview(person);
  loadMachine(person, exec.scenario.iterationInTest);
  loadSummary(person);
}
