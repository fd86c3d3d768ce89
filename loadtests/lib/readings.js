// What nodes measure: one reading a request, or hundreds; now and then somebody reads back what was acknowledged.
import http from 'k6/http';
import { holds, note } from './outcome.js';
import { bearer, ORIGIN, ROUND, shops } from './stage.js';

const JSON_BODY = { 'Content-Type': 'application/json' };
const BATCH_NODES = 10;
const BATCH_SECONDS = 50;
const HOUR_S = 3_600;

const started = Math.floor(Date.now() / 1000);

/** Values that are exact in four bytes, differ from one reading to the next and are no cause for alarm. */
function reading(device, moment, turn) {
  return {
    device_id: device,
    timestamp: moment,
    temperature: -20 + (turn % 128) / 64,
    vibration: { x: 0.125, y: 0.25, z: 1 },
    power_consumption: 42,
    audio_level: turn % 1000,
  };
}

/** Send one reading of now for a node of the person's shop; `readBack`: look whether that person finds it. */
export function sendReading(person, turn, readBack) {
  const { machines } = shops[person.shop];
  const { device } = machines[turn % machines.length];
  // Microseconds tell two readings of a node in the same millisecond apart.
  const sent = reading(device, Date.now() / 1000 + (turn % 1000) / 1e6, turn);
  const answer = http.post(`${ORIGIN}/api/iot/sensors/data`, JSON.stringify(sent), { headers: JSON_BODY, tags: { name: 'reading' } });
  let good = holds(answer, { 'the reading is acknowledged': (said) => said.success === true });
  if (good && readBack) good = isStored(device, person, sent, '?hours=1&limit=100');
  note('reading', answer.timings.duration, good);
}

/** Send 500 readings of the ten nodes of the person's shop, of an hour ago. */
export function sendBatch(person, turn, readBack) {
  // Microseconds of its own tell the readings of a batch from those of any other batch.
  const first = started - HOUR_S + ((ROUND % 10) * 100_000 + (turn % 100_000)) / 1e6;
  const nodes = shops[person.shop].machines.slice(0, BATCH_NODES);
  const sent = nodes.flatMap(({ device }) => Array.from({ length: BATCH_SECONDS }, (_, second) => reading(device, first + second, turn + second)));
  const answer = http.post(`${ORIGIN}/api/iot/sensors/data/batch`, JSON.stringify(sent), { headers: JSON_BODY, tags: { name: 'batch' } });
  let good = holds(answer, {
    'all of the batch are stored': (said) => said.stored === sent.length,
    'none is refused or was there before': (said) => said.errors.length === 0 && said.duplicates === 0,
  });
  if (good && readBack) good = isStored(nodes[0].device, person, sent[0], '?hours=2&limit=10000');
  note('batch', answer.timings.duration, good);
}

/** Whether somebody of the shop finds the reading with the values that were sent. */
function isStored(device, person, sent, query) {
  const answer = http.get(`${ORIGIN}/api/iot/sensors/data/${device}${query}`, { headers: bearer(person.token), tags: { name: 'read_back' } });
  const found = (said) => said.data.find((row) => Math.abs(row.timestamp - sent.timestamp) < 0.0000006);
  return holds(answer, {
    'the reading is there': (said) => found(said) !== undefined,
    'its values are those that were sent': (said) => {
      const row = found(said);
      return (
        row.temperature === sent.temperature &&
        row.vibration_x === sent.vibration.x &&
        row.vibration_y === sent.vibration.y &&
        row.vibration_z === sent.vibration.z &&
        row.power_consumption === sent.power_consumption &&
        row.audio_level === sent.audio_level
      );
    },
  });
}
