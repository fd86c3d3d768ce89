/* The picture of a clip's sound with its axes, the bands that differ marked, and the place that is being played. */

import * as api from "../api.js";
import { h, svg } from "../dom.js";
import { number } from "../format.js";
import { t, wordOf } from "../i18n.js";

/** @typedef {import("../../../types").Band} Band */
/** @typedef {import("../../../types").Line} Line */
/** @typedef {import("../../../types").Moment} Moment */

const PICTURE = { width: 900, height: 300 };
const HEIGHT_PX = 240;
const LEFT_PX = 40;
const RIGHT_PX = 74;
const BOTTOM_PX = 24;
const TOP_PX = 8;
const FREQUENCIES_HZ = [100, 250, 500, 1000, 2000, 4000, 8000, 16000];
const LABEL_ROOM_PX = 17;

/**
 * @typedef {{minHz: number, maxHz: number, durationS: number, minDb: number, maxDb: number, scale: string}} Scale
 */

/**
 * @param {{clipId: string, bands: Band[], lines: Line[], moments: Moment[], seek: (seconds: number) => void}} wanted
 */
export function spectrogram({ clipId, bands, lines, moments, seek }) {
  const element = h("figure", { class: "spectrogram" }, h("p", { class: "muted small" }, t("page.loading")));
  /** @type {string | null} */
  let pictureAddress = null;
  /** @type {SVGLineElement | null} */
  let playhead = null;
  /** @type {Scale | null} */
  let scale = null;
  let ended = false;

  const resized = new ResizeObserver(draw);

  async function load() {
    try {
      const query = new URLSearchParams({ width: String(PICTURE.width), height: String(PICTURE.height) });
      const response = await api.fetchFile(`/api/clips/${encodeURIComponent(clipId)}/spectrogram.png?${query}`);
      const picture = await response.blob();
      if (ended) return;
      scale = scaleOf(response.headers);
      pictureAddress = URL.createObjectURL(picture);
      resized.observe(element);
      draw();
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      element.replaceChildren(h("p", { class: "muted small" }, t("spectrogram.missing")));
    }
  }

  function draw() {
    const width = element.clientWidth;
    if (!scale || !pictureAddress || width <= LEFT_PX + RIGHT_PX) return;
    const plot = { left: LEFT_PX, top: TOP_PX, width: width - LEFT_PX - RIGHT_PX, height: HEIGHT_PX - TOP_PX - BOTTOM_PX };
    playhead = svg("line", { class: "playhead", y1: plot.top, y2: plot.top + plot.height, x1: -9, x2: -9 });
    const drawing = svg(
      "svg",
      { width, height: HEIGHT_PX, viewBox: `0 0 ${width} ${HEIGHT_PX}`, role: "img", "aria-label": t("spectrogram.label") },
      svg("image", { href: pictureAddress, x: plot.left, y: plot.top, width: plot.width, height: plot.height, preserveAspectRatio: "none" }),
      frequencyAxis(plot, scale),
      timeAxis(plot, scale),
      bandMarks(plot, scale, bands),
      lineMarks(plot, scale, lines),
      momentMarks(plot, scale, moments),
      playhead,
    );
    drawing.addEventListener("click", (event) => {
      const share = (event.offsetX - plot.left) / plot.width;
      if (scale && share >= 0 && share <= 1) seek(share * scale.durationS);
    });
    element.replaceChildren(
      drawing,
      h("figcaption", { class: "muted small" }, t("spectrogram.caption", { low: number(scale.minDb, 0), high: number(scale.maxDb, 0) })),
    );
  }

  /** @param {number} seconds */
  function showPosition(seconds) {
    if (!playhead || !scale) return;
    const width = element.clientWidth - LEFT_PX - RIGHT_PX;
    const x = String(LEFT_PX + (seconds / scale.durationS) * width);
    playhead.setAttribute("x1", x);
    playhead.setAttribute("x2", x);
  }

  load();
  return {
    element,
    showPosition,
    leave() {
      ended = true;
      resized.disconnect();
      if (pictureAddress) URL.revokeObjectURL(pictureAddress);
    },
  };
}

/**
 * @param {Headers} headers
 * @returns {Scale}
 */
function scaleOf(headers) {
  /** @param {string} name */
  const value = (name) => Number(headers.get(`X-Spectrogram-${name}`));
  return {
    minHz: value("Min-Hz"),
    maxHz: value("Max-Hz"),
    durationS: value("Duration-S"),
    minDb: value("Min-Db"),
    maxDb: value("Max-Db"),
    scale: headers.get("X-Spectrogram-Scale") ?? "mel",
  };
}

/** HTK's mel scale, as the server's picture uses it. @param {number} hz */
function mel(hz) {
  return 2595 * Math.log10(1 + hz / 700);
}

/**
 * Share of the height from the bottom.
 * @param {number} hz
 * @param {Scale} scale
 */
function heightOf(hz, scale) {
  const inside = Math.min(Math.max(hz, scale.minHz), scale.maxHz);
  if (scale.scale !== "mel") return (inside - scale.minHz) / (scale.maxHz - scale.minHz);
  return (mel(inside) - mel(scale.minHz)) / (mel(scale.maxHz) - mel(scale.minHz));
}

/** @typedef {{left: number, top: number, width: number, height: number}} Plot */

/**
 * @param {Plot} plot
 * @param {Scale} scale
 */
function frequencyAxis(plot, scale) {
  let lastY = Infinity;
  const ticks = FREQUENCIES_HZ.filter((hz) => hz >= scale.minHz && hz <= scale.maxHz).flatMap((hz) => {
    const y = plot.top + plot.height * (1 - heightOf(hz, scale));
    if (lastY - y < LABEL_ROOM_PX) return [];
    lastY = y;
    return [
      svg("line", { class: "axis-tick", x1: plot.left - 4, x2: plot.left, y1: y, y2: y }),
      svg("text", { class: "axis-label", x: plot.left - 7, y: y + 4, "text-anchor": "end" }, String(hz / 1000)),
    ];
  });
  return [...ticks, svg("text", { class: "axis-label", x: 2, y: plot.top + plot.height + 18 }, "kHz")];
}

/**
 * @param {Plot} plot
 * @param {Scale} scale
 */
function timeAxis(plot, scale) {
  const step = [0.25, 0.5, 1, 2, 5, 10, 30, 60].find((seconds) => (plot.width / scale.durationS) * seconds >= 48) ?? 120;
  const ticks = [];
  for (let second = 0; second <= scale.durationS + 1e-6; second += step) {
    const x = plot.left + (second / scale.durationS) * plot.width;
    const bottom = plot.top + plot.height;
    ticks.push(
      svg("line", { class: "axis-tick", x1: x, x2: x, y1: bottom, y2: bottom + 4 }),
      svg("text", { class: "axis-label", x, y: bottom + 18, "text-anchor": "middle" }, String(second)),
    );
  }
  return [...ticks, svg("text", { class: "axis-label", x: plot.left + plot.width + 12, y: plot.top + plot.height + 18 }, "s")];
}

/**
 * A bracket on the right of each band that differs, with how much louder or quieter it is.
 * @param {Plot} plot
 * @param {Scale} scale
 * @param {Band[]} bands
 */
function bandMarks(plot, scale, bands) {
  const right = plot.left + plot.width;
  return [...bands]
    .sort((a, b) => a.low_hz - b.low_hz)
    .flatMap((band) => {
      const top = plot.top + plot.height * (1 - heightOf(band.high_hz, scale));
      const height = Math.max(plot.height * (heightOf(band.high_hz, scale) - heightOf(band.low_hz, scale)), 3);
      return [
        svg("rect", { class: `band band-${band.kind}`, x: plot.left, y: top, width: plot.width, height }, svg("title", null, bandText(band))),
        svg("path", { class: `band-bracket band-bracket-${band.kind}`, d: `M${right + 3} ${top}h5v${height}h-5` }),
        height >= LABEL_ROOM_PX - 5 && svg("text", { class: "axis-label band-label", x: right + 12, y: top + height / 2 + 4 }, changeText(band)),
      ];
    });
}

/**
 * An arrowhead on either side of each tone that differs, and dots between: a tone is too thin for a frame.
 * @param {Plot} plot
 * @param {Scale} scale
 * @param {Line[]} lines
 */
function lineMarks(plot, scale, lines) {
  const right = plot.left + plot.width;
  return lines
    .filter((line) => line.hz >= scale.minHz && line.hz <= scale.maxHz)
    .flatMap((line) => {
      const y = plot.top + plot.height * (1 - heightOf(line.hz, scale));
      return [
        svg("line", { class: "tone", x1: plot.left, x2: right, y1: y, y2: y }, svg("title", null, lineText(line))),
        svg("path", { class: "tone-arrow", d: `M${plot.left} ${y - 4}l7 4l-7 4zM${right} ${y - 4}l-7 4l7 4z` }),
      ];
    });
}

/**
 * Uprights around the moments in which something stands out, under a bar.
 * @param {Plot} plot
 * @param {Scale} scale
 * @param {Moment[]} moments
 */
function momentMarks(plot, scale, moments) {
  return moments.flatMap((moment) => {
    const from = plot.left + (Math.max(moment.start_s, 0) / scale.durationS) * plot.width;
    const to = plot.left + (Math.min(moment.end_s, scale.durationS) / scale.durationS) * plot.width;
    const bottom = plot.top + plot.height;
    return [
      svg("path", { class: "moment-edge", d: `M${from} ${plot.top}V${bottom}M${to} ${plot.top}V${bottom}` }, svg("title", null, momentText(moment))),
      svg("line", { class: "moment-bar", x1: from, x2: Math.max(to, from + 2), y1: plot.top, y2: plot.top }),
    ];
  });
}

/** @param {{delta_db: number}} difference */
function changeText({ delta_db }) {
  const sign = delta_db > 0 ? "+" : "";
  return `${sign}${number(delta_db, Math.abs(delta_db) < 10 ? 1 : 0)} dB`;
}

/**
 * "Mains hum ×2 (120 Hz): +6.0 dB against normal".
 * @param {Line} line
 */
export function lineText(line) {
  const multiple = line.order === 1 ? "" : ` ×${number(line.order, line.order % 1 ? 1 : 0)}`;
  return t("line.text", { source: `${wordOf("source", line.source)}${multiple}`, at: frequency(line.hz), change: changeText(line) });
}

/** @param {Moment} moment */
export function momentText(moment) {
  return t("moment.text", { from: number(moment.start_s, 1), to: number(moment.end_s, 1), change: changeText(moment) });
}

/** @param {number} hz */
function frequency(hz) {
  return hz < 1000 ? `${number(hz, 0)} Hz` : `${number(hz / 1000, 1)} kHz`;
}

/**
 * "691 Hz – 2.4 kHz: +6 dB against normal"; what a variation is needs its own word.
 * @param {Band} band
 */
export function bandText(band) {
  const range = `${frequency(band.low_hz)} – ${frequency(band.high_hz)}`;
  return t(band.kind === "level" ? "band.level" : "band.variation", { range, change: changeText(band) });
}
