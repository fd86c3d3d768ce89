/* A series of readings as a chart draws it: for each moment the lowest and the highest value of each field. */

/** @typedef {import("../../../types").Reading} Reading */
/** @typedef {import("../../../types").ReadingSeries} ReadingSeries */
/** @typedef {"temperature_c" | "vibration_g" | "power_percent"} Field */
/** @typedef {Record<Field, (number | null)[]>} Columns */
/** @typedef {{times: number[], low: Columns, high: Columns}} Envelope times in epoch ms, rising; null where nothing was measured */

/** @type {Field[]} */
const FIELDS = ["temperature_c", "vibration_g", "power_percent"];

/**
 * A reduced series holds two points a step, its lowest and its highest value; else lowest and highest are the same.
 * @param {ReadingSeries | null} series
 * @returns {Envelope}
 */
export function envelope(series) {
  const times = series?.measured_at ?? [];
  const step = series?.reduced ? 2 : 1;
  /** @param {number} offset */
  const columns = (offset) =>
    /** @type {Columns} */ (Object.fromEntries(FIELDS.map((field) => [field, everyNth(series?.fields[field] ?? [], step, offset)])));
  return {
    times: everyNth(times, step, 0).map((time, index) => (time + times[index * step + step - 1]) / 2),
    low: columns(0),
    high: columns(step - 1),
  };
}

/**
 * Adds a live reading that is newer than all others; without its vibration, as only the server knows how much of an
 * acceleration is gravity.
 * @param {Envelope} shown
 * @param {Reading} reading
 * @param {number} maxGap in ms: after a longer silence the line breaks
 * @returns {boolean} whether it was newer
 */
export function appendReading(shown, reading, maxGap) {
  const time = Date.parse(reading.measured_at);
  const last = shown.times.at(-1);
  if (last !== undefined && time <= last) return false;
  if (last !== undefined && time - last > maxGap) appendPoint(shown, last + 1, { temperature_c: null, power_percent: null });
  appendPoint(shown, time, reading);
  return true;
}

/**
 * @param {Envelope} shown
 * @param {number} time
 * @param {Pick<Reading, "temperature_c" | "power_percent">} values
 */
function appendPoint({ times, low, high }, time, { temperature_c, power_percent }) {
  times.push(time);
  for (const columns of [low, high]) {
    columns.temperature_c.push(temperature_c);
    columns.vibration_g.push(null);
    columns.power_percent.push(power_percent);
  }
}

/**
 * @template T
 * @param {T[]} items
 * @param {number} step
 * @param {number} offset
 */
function everyNth(items, step, offset) {
  return items.filter((_, index) => index % step === offset);
}
