/* What the page knows, by topic. Parts subscribe to a topic and never to each other.
 *
 *  topic      value
 *  session    the signed-in person, or null
 *  overview   the last Overview of the server with the live events patched in, or null
 *  connection "live" | "connecting" | "polling" | "offline"
 *  progress   {[machine_id]: stage of the analysis that runs for it}
 *  label      the last label that somebody gave
 *  training   the training run that last moved on
 *  device     the last event about a device, its commands or its firmware
 *  language   "ko" | "en"
 */

/** @type {Map<string, any>} */
const values = new Map();
/** @type {Map<string, Set<(value: any) => void>>} */
const listeners = new Map();

/** @param {string} topic */
export function get(topic) {
  return values.get(topic);
}

/**
 * Values are replaced, never changed in place: an identical value is not told to anybody.
 * @param {string} topic
 * @param {any} value
 */
export function set(topic, value) {
  if (Object.is(values.get(topic), value)) return;
  values.set(topic, value);
  for (const listener of [...(listeners.get(topic) ?? [])]) listener(value);
}

/**
 * Calls `listener` at once when the topic has a value, and then at each change.
 * @param {string} topic
 * @param {(value: any) => void} listener
 * @returns {() => void} ends the subscription
 */
export function subscribe(topic, listener) {
  const known = listeners.get(topic) ?? new Set();
  known.add(listener);
  listeners.set(topic, known);
  if (values.has(topic)) listener(values.get(topic));
  return () => known.delete(listener);
}
