// Signing in, staying signed in, and being believed.
import http from 'k6/http';
import { documentOf, holds, note } from './outcome.js';
import { bearer, ORIGIN, PASSWORD } from './stage.js';

const JSON_BODY = { 'Content-Type': 'application/json' };

/** Sign in with the password; {token, refresh}, or null where it failed. */
export function signIn(username) {
  const body = JSON.stringify({ username, password: PASSWORD, delivery: 'body' });
  const answer = http.post(`${ORIGIN}/api/auth/login`, body, { headers: JSON_BODY, tags: { name: 'login' } });
  const good = holds(answer, {
    'the session is of who signed in': (said) => said.user.username === username,
    'both tokens came': (said) => said.access_token.length > 0 && said.refresh_token.length > 0,
  });
  note('sign_in', answer.timings.duration, good);
  return good ? tokens(answer) : null;
}

/** Exchange the refresh token; the next pair, or null where it failed. */
export function refresh(token) {
  const body = JSON.stringify({ refresh_token: token });
  const answer = http.post(`${ORIGIN}/api/auth/refresh`, body, { headers: JSON_BODY, tags: { name: 'refresh' } });
  const good = holds(answer, { 'the refresh token is another one': (said) => said.refresh_token !== token });
  note('refresh', answer.timings.duration, good);
  return good ? tokens(answer) : null;
}

/** Ask who one is. */
export function verify(token, username) {
  const answer = http.get(`${ORIGIN}/api/auth/verify`, { headers: bearer(token), tags: { name: 'verify' } });
  const good = holds(answer, { 'the token is of who holds it': (said) => said.user.username === username });
  note('token_check', answer.timings.duration, good);
  return good;
}

function tokens(answer) {
  const said = documentOf(answer);
  return { token: said.access_token, refresh: said.refresh_token };
}
