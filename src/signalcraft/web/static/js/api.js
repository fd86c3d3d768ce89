/* Talking to the server. Cookies carry the session; an expired access token is renewed once, silently. */

import * as store from "./store.js";

/** The server's problem document (RFC 9457), or `status` 0 when no server answered. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{title?: string, detail?: string, message?: string, errors?: {field: string, message: string}[]}} problem
   */
  constructor(status, problem) {
    super(problem.detail || problem.message || problem.title || `HTTP ${status}`);
    this.status = status;
    /** Empty where the server gave no sentence. */
    this.detail = problem.detail ?? problem.message ?? "";
    this.fields = problem.errors ?? [];
  }
}

/** @type {string | null} */
let newest = null;

/** The id of the newest answer, under which the server's log has it. */
export function newestRequestId() {
  return newest;
}

/** @param {string} path */
export async function get(path) {
  return (await send("GET", path)).json();
}

/**
 * @param {string} path
 * @param {object} [body]
 */
export async function post(path, body = {}) {
  return (await send("POST", path, body)).json();
}

/**
 * @param {string} path
 * @param {object} body
 */
export async function patch(path, body) {
  return (await send("PATCH", path, body)).json();
}

/**
 * @param {string} path
 * @param {object} body
 */
export async function put(path, body) {
  return (await send("PUT", path, body)).json();
}

/**
 * Sends a file as it is.
 * @param {string} path
 * @param {Blob} file
 * @param {Record<string, string>} headers that say what it is
 */
export async function upload(path, file, headers) {
  return (await send("POST", path, file, headers)).json();
}

/** @param {string} path */
export async function remove(path) {
  return (await send("DELETE", path)).json();
}

/**
 * For answers that are not JSON: the caller reads headers and body.
 * @param {string} path
 */
export function fetchFile(path) {
  return send("GET", path);
}

/**
 * @param {string} username
 * @param {string} password
 * @returns {Promise<{ticket: string} | null>} the ticket for the second step, or null when signed in
 */
export async function signIn(username, password) {
  return enter("/api/auth/login", { username, password });
}

/**
 * The second step of a sign-in.
 * @param {string} code of the authenticator app, or a recovery code
 * @param {string | null} ticket of the first step; null when a cookie holds it
 */
export async function showSecondFactor(code, ticket) {
  await enter("/api/auth/second-factor", ticket ? { code, ticket } : { code });
}

/**
 * @param {string} path
 * @param {object} body
 * @returns {Promise<{ticket: string} | null>}
 */
async function enter(path, body) {
  const response = await attempt("POST", path, body);
  if (!response.ok) throw await problemOf(response);
  const answer = await response.json();
  if (answer.second_factor_required) return { ticket: answer.ticket };
  store.set("session", { ...answer.user, enrolment_required: Boolean(answer.enrolment_required) });
  return null;
}

export async function signOut() {
  // Signed out on this page even when the server can't be reached: the person asked for it.
  await attempt("POST", "/api/auth/logout", {}).catch(() => null);
  store.set("session", null);
}

/** Finds out who is signed in. Sets the session to null when nobody is. */
export async function restoreSession() {
  try {
    const [{ user }, factor] = await Promise.all([get("/api/auth/verify"), get("/api/auth/second-factor")]);
    store.set("session", { ...user, enrolment_required: factor.required && !factor.used });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error;
    store.set("session", null);
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 */
async function send(method, path, body, headers) {
  const before = renewals;
  let response = await attempt(method, path, body, headers);
  if (response.status === 401 && !(await isAboutTheBody(body))) {
    // An answer to the old token may come after another request has renewed it.
    if (renewals !== before || (await renewAccess())) response = await attempt(method, path, body, headers);
    else store.set("session", null);
  }
  if (response.ok) return response;
  throw await problemOf(response);
}

/**
 * A wrong password or code in a body is refused as a lost session is; while the session is good, it was that.
 * @param {object} [body]
 */
async function isAboutTheBody(body) {
  return body !== undefined && (await attempt("GET", "/api/auth/verify")).ok;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body] sent as JSON, a Blob as it is
 * @param {Record<string, string>} [further] headers
 */
async function attempt(method, path, body, further) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", ...further };
  // A form of another site can't set this header: it proves that the request is this page's.
  if (method !== "GET") headers["X-Requested-With"] = "signalcraft";
  const isFile = body instanceof Blob;
  if (body !== undefined) headers["Content-Type"] = isFile ? "application/octet-stream" : "application/json";
  try {
    const response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      body: isFile || body === undefined ? body : JSON.stringify(body),
    });
    newest = response.headers.get("X-Request-ID") ?? newest;
    return response;
  } catch {
    throw new ApiError(0, {});
  }
}

/** @type {Promise<boolean> | null} */
let renewal = null;
let renewals = 0;

/** True when the session has a fresh access token. Requests that fail together share one renewal. */
function renewAccess() {
  renewal ??= renewOnceAcrossTabs()
    .then((isFresh) => {
      if (isFresh) renewals += 1;
      return isFresh;
    })
    .finally(() => {
      renewal = null;
    });
  return renewal;
}

async function renewOnceAcrossTabs() {
  const renew = async () => (await attempt("POST", "/api/auth/refresh", {})).ok;
  // Two tabs that send the same refresh token look like a stolen token. Locks exist only on https and localhost.
  return navigator.locks ? navigator.locks.request("signalcraft-renew-access", renew) : renew();
}

/** @param {Response} response */
async function problemOf(response) {
  const problem = await response.json().catch(() => ({}));
  return new ApiError(response.status, problem);
}
