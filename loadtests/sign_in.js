// People sign in, are asked who they are, renew their tokens, and are asked again.
import { refresh, signIn, verify } from './lib/entry.js';
import { inTurns, people } from './lib/stage.js';

export { handleSummary } from './lib/summary.js';

export default function () {
  const { username } = inTurns(people);
  const first = signIn(username);
  if (!first || !verify(first.token, username)) return;
  const second = refresh(first.refresh);
  if (second) verify(second.token, username);
}
