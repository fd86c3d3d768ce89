/* Keeps the topic `overview` true: snapshot first, then the event stream from exactly there, and polling beside it.
 *
 * Polling does three jobs: readings (they are not durable events), whatever an event does not carry, and everything
 * while the stream is down. It is quick only while somebody looks. */

import * as api from "./api.js";
import { findMachine, withMachine } from "./fleet.js";
import { setServerClock } from "./format.js";
import * as store from "./store.js";

/** @typedef {import("../../types").Overview} Overview */
/** @typedef {import("../../types").MachineCard} MachineCard */
/** @typedef {import("../../types").Light} Light */
/** @typedef {import("../../types").LiveEvent} LiveEvent */

const POLL_BESIDE_STREAM_MS = 10_000;
const POLL_WITHOUT_STREAM_MS = 3_000;
const POLL_UNATTENDED_MS = 60_000;
// Somebody who touched nothing for this long is probably not looking.
const ATTENTION_MS = 120_000;
// The server ends streams on purpose (maximum age); such a gap of about `retry` is not worth showing.
const SHOW_GAP_AFTER_MS = 5_000;
const REOPEN_FIRST_MS = 2_000;
const REOPEN_LAST_MS = 30_000;
// Events come in bursts (a clip's analysis, its alarm): one snapshot after them is enough, and never two this close.
const REFETCH_AFTER_EVENT_MS = 700;
const SNAPSHOTS_APART_MS = 2_000;
// More than this many snapshots older than the stream means that the server's numbering began anew (a restore).
const STALE_SNAPSHOTS_ALLOWED = 5;

let running = false;
let lastEventId = 0;
let staleSnapshots = 0;
/** @type {EventSource | null} */
let source = null;
/** @type {number | null} */
let watchedMachine = null;
let reopenDelay = REOPEN_FIRST_MS;
let lastAttention = Date.now();
let lastSnapshotAt = 0;
let pollDue = Infinity;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let pollTimer;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let reopenTimer;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let gapTimer;
/** @type {Promise<void> | null} */
let fetching = null;

/** Begins with a snapshot; the stream follows from its `last_event_id`. */
export async function start() {
  running = true;
  store.set("progress", {});
  store.set("connection", "connecting");
  await refresh();
  if (running) openStream();
}

export function stop() {
  running = false;
  closeStream();
  clearTimeout(pollTimer);
  clearTimeout(reopenTimer);
  store.set("overview", null);
  lastEventId = 0;
}

/**
 * Asks the stream for the readings of one machine too (null: of none).
 * @param {number | null} machineId
 */
export function watchMachine(machineId) {
  if (machineId === watchedMachine) return;
  watchedMachine = machineId;
  if (running && source) openStream();
}

/** Fetches the snapshot now, once however many ask. Failures show in the topic `connection`. */
export function refresh() {
  fetching ??= fetchOverview().finally(() => {
    fetching = null;
    pollDue = Infinity;
    schedulePoll(nextPollDelay());
  });
  return fetching;
}

async function fetchOverview() {
  clearTimeout(pollTimer);
  lastSnapshotAt = Date.now();
  try {
    /** @type {Overview} */
    const overview = await api.get("/api/dashboard/overview");
    if (!running) return;
    if (!streamIsOpen()) store.set("connection", source ? "connecting" : "polling");
    setServerClock(overview.generated_at);
    if (overview.last_event_id < lastEventId && ++staleSnapshots <= STALE_SNAPSHOTS_ALLOWED) {
      // Taken before an event that is already on the screen: showing it would undo that event for a moment.
      return;
    }
    const numberedAnew = overview.last_event_id < lastEventId;
    staleSnapshots = 0;
    lastEventId = overview.last_event_id;
    store.set("overview", overview);
    if (numberedAnew) openStream();
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (running && error.status !== 401) store.set("connection", "offline");
  }
}

function nextPollDelay() {
  if (staleSnapshots > 0) return REFETCH_AFTER_EVENT_MS;
  if (document.hidden) return POLL_UNATTENDED_MS;
  if (streamIsOpen()) return POLL_BESIDE_STREAM_MS;
  return Date.now() - lastAttention < ATTENTION_MS ? POLL_WITHOUT_STREAM_MS : POLL_BESIDE_STREAM_MS;
}

/**
 * The earliest wish counts, so that neither a burst of events nor a steady flow of them puts the snapshot off.
 * @param {number} delay in ms
 */
function schedulePoll(delay) {
  if (!running) return;
  const due = Math.max(Date.now() + delay, lastSnapshotAt + SNAPSHOTS_APART_MS);
  if (due >= pollDue) return;
  pollDue = due;
  clearTimeout(pollTimer);
  pollTimer = setTimeout(refresh, due - Date.now());
}

function streamIsOpen() {
  return source?.readyState === EventSource.OPEN;
}

function closeStream() {
  source?.close();
  source = null;
  clearTimeout(gapTimer);
}

function openStream() {
  closeStream();
  const parameters = new URLSearchParams({ last_event_id: String(lastEventId) });
  if (watchedMachine) parameters.set("machine", String(watchedMachine));
  const opened = new EventSource(`/api/notifications/stream?${parameters}`);
  source = opened;
  opened.onopen = () => {
    clearTimeout(gapTimer);
    reopenDelay = REOPEN_FIRST_MS;
    store.set("connection", "live");
  };
  opened.onmessage = (message) => {
    const id = Number(message.lastEventId);
    if (id > lastEventId) {
      lastEventId = id;
      apply(JSON.parse(message.data), true);
    } else {
      // No id of its own (progress, readings), or already part of the snapshot: then only the transient kinds matter.
      apply(JSON.parse(message.data), false);
    }
  };
  opened.onerror = () => {
    clearTimeout(gapTimer);
    gapTimer = setTimeout(showGap, SHOW_GAP_AFTER_MS);
    // CONNECTING: the browser tries again by itself. CLOSED: the server refused (sign-in expired, 5xx), and we must.
    if (opened.readyState === EventSource.CLOSED) reopenLater();
  };
}

function showGap() {
  if (streamIsOpen()) return;
  if (store.get("connection") !== "offline") store.set("connection", "polling");
  schedulePoll(0);
}

function reopenLater() {
  closeStream();
  showGap();
  clearTimeout(reopenTimer);
  reopenTimer = setTimeout(async () => {
    // Renews the access token when that was the reason; a lost session ends the loop through the topic `session`.
    await refresh();
    if (running && !source) openStream();
  }, reopenDelay);
  reopenDelay = Math.min(reopenDelay * 2, REOPEN_LAST_MS);
}

/**
 * @param {LiveEvent} event
 * @param {boolean} isNew a durable event that the snapshot did not yet contain
 */
function apply(event, isNew) {
  switch (event.type) {
    case "analysis.progress":
      showProgress(event);
      return;
    case "reading":
      patch(event.machine_id, { latest_reading: event.reading });
      return;
    case "reset":
      schedulePoll(0);
      return;
    case "connected":
      return;
  }
  if (isNew) applyDurable(event);
}

/** @param {import("../../types").DurableEvent} event */
function applyDurable(event) {
  switch (event.type) {
    case "training.progress":
      store.set("training", event.run);
      return;
    case "label.added":
      store.set("label", event.label);
      return;
    case "machine.changed":
      schedulePoll(REFETCH_AFTER_EVENT_MS);
      return;
    case "analysis.finished":
      if (event.machine_id === null) return;
      endProgress(event.machine_id);
      patch(event.machine_id, { baseline: event.baseline, latest_analysis: event.analysis }, event.light);
      return;
    case "device.status":
      patch(event.machine_id, { device: event.device });
      store.set("device", event);
      return;
    case "device.command":
    case "device.firmware":
    case "device.conflict":
    case "firmware.rollout":
      store.set("device", event);
      return;
    case "alarm.cleared":
      patch(event.machine_id, { open_alarm: null }, event.light);
      return;
    case "alarm.raised":
    case "alarm.escalated":
    case "alarm.acknowledged":
    case "alarm.rediagnosed":
      patch(event.machine_id, { open_alarm: event.alarm }, event.light);
  }
}

/**
 * @param {number} machineId
 * @param {Partial<MachineCard>} change
 * @param {Light} [light] where the event tells it
 */
function patch(machineId, change, light) {
  /** @type {Overview | null} */
  const overview = store.get("overview");
  const former = overview && findMachine(overview, machineId)?.machine;
  if (!former) return;
  // The sentence belongs to the former light; until a snapshot brings the new one, none is better than a wrong one.
  const lightChange = light && light !== former.light ? { light, light_reason: null } : {};
  store.set("overview", withMachine(overview, machineId, { ...change, ...lightChange }));
  if ("light" in lightChange) schedulePoll(REFETCH_AFTER_EVENT_MS);
}

/** @param {Extract<LiveEvent, {type: "analysis.progress"}>} event */
function showProgress(event) {
  if (!event.machine_id) return;
  if (event.state === "done" || event.state === "failed") endProgress(event.machine_id);
  else store.set("progress", { ...store.get("progress"), [event.machine_id]: event.state });
}

/** @param {number} machineId */
function endProgress(machineId) {
  const { [machineId]: ended, ...others } = store.get("progress");
  if (ended) store.set("progress", others);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && running) schedulePoll(0);
});
for (const sign of ["pointerdown", "keydown"]) {
  document.addEventListener(sign, () => {
    const wasAway = Date.now() - lastAttention >= ATTENTION_MS;
    lastAttention = Date.now();
    if (wasAway && running && !streamIsOpen()) schedulePoll(0);
  });
}
