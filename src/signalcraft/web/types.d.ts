/** Shapes of the JSON API as the pages read it. Times are ISO 8601 UTC. */

export interface Text {
  ko: string;
  en: string;
}

export type Light = "red" | "yellow" | "green" | "blue" | "grey";

export interface User {
  id: number;
  username: string;
  role: string;
  /** An administrator who has no rights before they have shown a second factor. */
  enrolment_required: boolean;
}

export interface Overview {
  generated_at: string;
  last_event_id: number;
  shops: Shop[];
  unclaimed: MachineCard[];
}

export interface Shop {
  id: number;
  name: string;
  light: Light;
  machines: MachineCard[];
}

export interface MachineCard {
  id: number;
  name: string;
  model: string | null;
  shop_id: number | null;
  light: Light;
  light_reason: Text | null;
  synthetic: boolean;
  device: { device_id: string; status: "online" | "late" | "offline"; last_seen_at: string | null; unauthenticated: boolean } | null;
  latest_reading: Reading | null;
  latest_analysis: AnalysisSummary | null;
  baseline: Baseline;
  open_alarm: Alarm | null;
}

export interface Reading {
  measured_at: string;
  received_at: string;
  temperature_c: number | null;
  vibration_x: number | null;
  vibration_y: number | null;
  vibration_z: number | null;
  vibration_unit: "g" | "m/s2";
  power_percent: number | null;
  audio_level: number | null;
  quality: Record<string, { code: "bad" | "uncertain"; reason: string; raw: unknown }>;
}

export interface Baseline {
  state: "learning" | "ready";
  clips: number;
  needed: number;
  version: number | null;
}

export type Verdict = "normal" | "anomalous" | "learning" | "not_assessable";

export interface AnalysisSummary {
  id: string;
  clip_id: string;
  state: "queued" | "decoding" | "features" | "scoring" | "done" | "failed";
  verdict: Verdict | null;
  reasons: string[];
  score: number | null;
  limit: number | null;
  ratio: number | null;
  tail_probability: number | null;
  condition: string | null;
  run_state: string | null;
  summary: Text | null;
  measured_at: string | null;
  received_at: string;
  finished_at: string | null;
  synthetic: boolean;
}

export interface Band {
  low_hz: number;
  high_hz: number;
  delta_db: number;
  deviations: number;
  kind: "level" | "variation";
}

/** A tone that differs: `order` times the frequency of its source. */
export interface Line {
  hz: number;
  delta_db: number;
  deviations: number;
  source: "hum" | "shaft" | "fan";
  order: number;
}

export interface Moment {
  start_s: number;
  end_s: number;
  delta_db: number;
  deviations: number;
}

export interface Evidence {
  indicator: string;
  weight: number;
  text: Text;
}

export interface ConditionFound {
  condition: string;
  title: Text;
  urgency: string;
  probability: number;
  evidence: Evidence[];
}

export interface Condition {
  name: string;
  title: Text;
  advice: Text;
  urgency: string;
}

export type LabelVerdict = "confirm" | "correct" | "dismiss" | "watch" | "fixed";

export interface Label {
  id: number;
  analysis_id: string;
  machine_id: number;
  author: string;
  at: string;
  verdict: LabelVerdict;
  condition: string | null;
  reason: string | null;
  superseded: boolean;
}

export type Standing = "shadow" | "active" | "retired" | "dropped";

interface OldAndNew {
  old: number | null;
  new: number | null;
}

interface Decision {
  status: Standing;
  rule: string | null;
  person: string | null;
  reason: string | null;
  at: string;
}

export interface BaselineModel {
  id: number;
  version: number;
  run_state: string;
  kind: "own" | "model";
  status: Standing;
  features: string;
  detector: string;
  clips: number;
  created_at: string;
  figures: { healthy_clips: number; healthy_over_limit: OldAndNew; faulty_clips: number; faults_found: OldAndNew } | null;
  decision: Decision | null;
}

export interface Head {
  id: number;
  version: number;
  status: Standing;
  method: string;
  created_at: string;
  figures: { labels: number; machines: number; accuracy: OldAndNew; macro_f1: number };
  decision: Decision | null;
}

export interface TrainingRun {
  id: number;
  kind: "baseline" | "head";
  machine_id: number | null;
  state: "queued" | "running" | "done" | "failed";
  progress: number;
}

export interface MachineModels {
  baselines: BaselineModel[];
  runs: TrainingRun[];
}

export interface HeadList {
  heads: Head[];
  runs: TrainingRun[];
  labels: number;
  needed: number;
}

export interface Analysis extends AnalysisSummary {
  machine_id: number | null;
  heard_in: { run_state: string; probability: number | null } | null;
  diagnosis: { method: string; conditions: ConditionFound[] } | null;
  tail_interval: { low: number; high: number } | null;
  nearest_clip_id: string | null;
  explanation: { bands: Band[]; lines: Line[]; moments: Moment[]; advice: Text | null } | null;
  versions: {
    features: string | null;
    state: string | null;
    detector: string | null;
    baseline: number | null;
    diagnosis: string | null;
    head: number | null;
    decision: string | null;
  };
  revision: number;
  quality: Record<"rms_dbfs" | "peak_dbfs" | "clipped_fraction" | "duration_s", number | null> | null;
  attempts: number;
}

export interface Alarm {
  id: number;
  machine_id: number;
  machine_name: string;
  shop_id: number | null;
  condition: string;
  severity: "critical" | "high" | "medium" | "low";
  state: "active_unacknowledged" | "active_acknowledged" | "cleared";
  raised_at: string;
  acknowledged_at: string | null;
  acknowledged_by: string | null;
  cleared_at: string | null;
  count: number;
  analysis_id: string | null;
  reading: ReadingEvidence | null;
  summary: Text;
  advice: Text;
}

/** What an alarm rests on that is not about sound; `silence` (s) when nothing was measured. */
export interface ReadingEvidence {
  device_id: string;
  field: "temperature_c" | "vibration_g" | "power_percent" | "audio_level" | "silence";
  value: number;
  unit: string;
  limit: number;
  since: string;
  measured_at: string;
}

export interface ReadingSeries {
  from: string;
  to: string;
  /** Epoch milliseconds, rising. */
  measured_at: number[];
  fields: Record<"temperature_c" | "vibration_g" | "power_percent" | "audio_level", (number | null)[]>;
  /** Readings in this time, however many points show them. */
  count: number;
  /** Two points a step, its lowest and its highest value, instead of one a reading. */
  reduced: boolean;
  level: "raw" | "minute" | "hour" | "day";
  /** Readings that arrived long after they were measured. */
  late: number;
}

export type DeviceStatus = "online" | "late" | "offline";

export interface Health {
  score: number | null;
  band: "healthy" | "warning" | "critical" | null;
  quality: number;
  reason: Text;
  terms: { field: string; value: number; points: number; of: number; reason: Text }[];
}

export interface DeviceCard {
  device_id: string;
  machine_id: number;
  machine_name: string;
  shop_id: number | null;
  shop_name: string | null;
  device_type: string;
  vibration_unit: "g" | "m/s2";
  status: DeviceStatus;
  last_seen_at: string;
  rhythm_s: number;
  late_after_s: number;
  offline_after_s: number;
  firmware_version: string | null;
  hardware_version: string | null;
  boot_count: number;
  rssi_dbm: number | null;
  free_heap_bytes: number | null;
  uptime_ms: number | null;
  told_at: string | null;
  id_conflict_at: string | null;
  open_commands: number;
  health: Health;
}

export interface NodeSettings {
  version: number;
  upload_interval_s: number;
  sample_rate_hz: number;
  changed_at: string | null;
  applied_version: number | null;
  applied_at: string | null;
}

export interface Command {
  id: number;
  kind: "config" | "calibrate" | "restart" | "firmware_update";
  state: "queued" | "delivered" | "acknowledged" | "failed" | "expired" | "cancelled";
  created_at: string;
  expires_at: string;
  delivered_at: string | null;
  finished_at: string | null;
  message: string | null;
}

export interface DeviceDetail {
  device: DeviceCard;
  settings: NodeSettings;
  commands: Command[];
  clock: { drift_ppm: number | null; learned_at: string } | null;
  may: ("device.manage" | "threshold.manage" | "export.read")[];
}

export interface Threshold {
  name: string;
  field: "temperature_c" | "vibration_g" | "power_percent" | "audio_level";
  unit: string;
  direction: "above" | "below";
  limit: number;
  hysteresis: number;
  delay_on_s: number;
  delay_off_s: number;
  severity: Alarm["severity"];
  alarm: boolean;
  enabled: boolean;
  set_here: boolean;
}

export interface FirmwareImage {
  id: number;
  version: string;
  build_number: number | null;
  hardware: string;
  size_bytes: number;
  sha256: string;
  key_id: string;
  changelog: string;
  stable: boolean;
  uploaded_at: string;
}

export interface Rollout {
  id: number;
  image_id: number;
  version: string;
  hardware: string;
  state: "running" | "stopped" | "rolled_back";
  percent: number;
  shop_ids: number[] | null;
  created_at: string;
  ended_at: string | null;
  reason: string | null;
  updates: Partial<Record<"pending" | "downloading" | "installing" | "completed" | "failed" | "cancelled", number>>;
}

export type DeviceEvent =
  | { type: "device.status"; machine_id: number; device: { device_id: string; status: DeviceStatus; last_seen_at: string } }
  | { type: "device.command" | "device.firmware"; machine_id: number; device_id: string }
  | { type: "device.conflict"; device_id: string }
  | { type: "firmware.rollout" };

/** `data` of a frame of the event stream that carries a number of its own. */
export type DurableEvent =
  | { type: "machine.changed"; machine_id: number }
  | { type: "analysis.finished"; machine_id: null; analysis: AnalysisSummary }
  | { type: "analysis.finished"; machine_id: number; light: Light; baseline: Baseline; analysis: AnalysisSummary }
  | {
      type: "alarm.raised" | "alarm.escalated" | "alarm.acknowledged" | "alarm.rediagnosed" | "alarm.cleared";
      machine_id: number;
      light: Light;
      alarm: Alarm;
    }
  | { type: "label.added"; machine_id: number; label: Label }
  | { type: "training.progress"; machine_id: number | null; run: TrainingRun }
  | DeviceEvent;

/** `data` of any frame of the event stream. */
export type LiveEvent =
  | { type: "connected" | "reset" }
  | { type: "analysis.progress"; analysis_id: string; machine_id: number | null; state: AnalysisSummary["state"] }
  | { type: "reading"; device_id: string; machine_id: number; reading: Reading }
  | DurableEvent;
