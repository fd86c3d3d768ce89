// Requests that do nothing but find out whose token it is, and count against that account.
import { verify } from './lib/entry.js';
import { inTurns, people } from './lib/stage.js';

export { handleSummary } from './lib/summary.js';

export default function () {
  const person = inTurns(people);
  verify(person.token, person.username);
}
