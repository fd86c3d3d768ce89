// Somebody who is signed in and stays: the tokens are renewed in time, as the web app does.
import { refresh } from './entry.js';
import { own, people } from './stage.js';

/** Of 900 s that an access token is good for. */
const RENEW_MS = 600_000;

let session = null;

/** The person of this virtual user with a token that is good. */
export function present() {
  session ??= { ...own(people), since: Date.now() };
  if (Date.now() - session.since > RENEW_MS) {
    const renewed = refresh(session.refresh);
    if (renewed) session = { ...session, ...renewed, since: Date.now() };
  }
  return session;
}
