/* English. The keys are the same as in ko.js (a test compares them). */

export default {
  "action.close": "Close",
  "action.save": "Save",
  "action.sign_out": "Sign out",
  "action.skip": "Skip to content",

  "age.now": "just now",

  "alarm.acknowledge": "I'm on it",
  "alarm.acknowledged": "{name} has seen this",
  "alarm.advice": "Do first",
  "alarm.comment": "Comment (optional)",
  "alarm.repeats": "seen {count} times",
  "alarm.since": "since {time}",
  "alarm.title": "Alarm · {severity}",

  "analyses.older": "Older analyses",
  "analyses.title": "History",
  "analysis.heard": "recorded",
  "analysis.none": "No sound has been analysed yet.",
  "analysis.ratio": "{ratio} × the limit",
  "analysis.title": "Sound diagnosis",

  "band.level": "{range}: {change} against normal",
  "band.variation": "{range}: unsteadiness {change} against normal",

  "baseline.learning": "Learning the healthy sound: {clips} of {needed} clips",

  "claim.button": "Add as a machine",
  "claim.lead": "These devices send data but belong to no shop yet. What they have sent so far is kept and appears with the machine.",
  "claim.machine_hint": "e.g. Ice-cream freezer 1",
  "claim.machine_name": "Name of the machine",
  "claim.new_shop": "Create a new shop…",
  "claim.new_shop_name": "Name of the new shop",
  "claim.open": "Add to a shop",
  "claim.shop": "Shop",
  "claim.title": "Unclaimed devices",

  "connection.connecting": "Connecting",
  "connection.live": "Live",
  "connection.offline": "Server unreachable",
  "connection.polling": "Refreshing",

  "device.last_seen": "last heard",
  "device.late": "Late",
  "device.offline": "Offline",

  "fact.attempts": "Analysis attempts",
  "fact.baseline": "Baseline no.",
  "fact.clipped": "Clipped",
  "fact.detector": "Detector",
  "fact.duration": "Length",
  "fact.features": "Features",
  "fact.level": "Mean level",
  "fact.peak": "Peak level",
  "fact.score": "Score",
  "fact.score_of": "{score} (limit {limit})",
  "fact.tail": "Chance of such a score when healthy",
  "fact.title": "Technical details",

  "light.blue": "Learning",
  "light.green": "Healthy",
  "light.grey": "No data",
  "light.red": "Act now",
  "light.yellow": "Check",

  "machine.back": "All machines",
  "machine.device": "Device {id}",
  "machine.missing": "This machine does not exist, or you may not see it.",
  "machine.rename": "Rename",

  "overview.empty": "No shops yet. As soon as a device sends data it appears below, and you can add it to a shop as a machine.",
  "overview.title": "Shops and machines",

  "page.home": "Go to the start",
  "page.loading": "Loading…",
  "page.missing": "There is no such page.",

  "player.label": "Recorded sound",

  "problem.unreachable": "The server can't be reached. Trying again in a moment.",

  "range.1h": "1 h",
  "range.24h": "24 h",
  "range.7d": "7 days",

  "reading.bad": "Sensor fault",
  "reading.measured": "measured",
  "reading.none": "No readings yet.",
  "reading.power": "Power",
  "reading.temperature": "Temperature",
  "reading.vibration": "Vibration",
  "readings.none": "No readings in this period.",
  "readings.range": "Period",
  "readings.title": "Readings",

  "reason.clipped": "The sound is too loud and was cut off",
  "reason.dropouts": "The recording has gaps",
  "reason.gave_up": "Several attempts to analyse it failed",
  "reason.not_decodable": "The stored sound can't be read",
  "reason.silent": "There is no sound",
  "reason.sound_missing": "The stored sound is missing",
  "reason.too_short": "The recording is too short",

  "score.label": "How unusual it sounds (multiples of the limit)",
  "score.limit": "Limit",
  "score.none": "Once learning is done, each clip appears here with how unusual it sounds.",

  "severity.critical": "critical",
  "severity.high": "high",
  "severity.low": "low",
  "severity.medium": "medium",

  "sign_in.button": "Sign in",
  "sign_in.lead": "Hears when a refrigeration compressor is about to fail.",
  "sign_in.password": "Password",
  "sign_in.title": "SignalCraft",
  "sign_in.too_many": "Too many attempts. Please try again in a moment.",
  "sign_in.username": "User name or e-mail",
  "sign_in.wrong": "The user name or the password is not right.",

  "spectrogram.caption": "Time runs across, pitch upwards; brighter is louder ({low} to {high} dB).",
  "spectrogram.label": "Spectrogram of the sound",
  "spectrogram.missing": "The picture of this recording can't be loaded.",

  "stage.decoding": "Reading the sound…",
  "stage.features": "Finding its features…",
  "stage.queued": "Waiting for analysis…",
  "stage.scoring": "Comparing with the healthy sound…",

  "synthetic.tag": "Synthetic",
  "synthetic.title": "Simulated data, not from a real machine.",

  "toast.changed": "{machine}: the alarm's severity has changed",
  "toast.cleared": "{machine}: the alarm is over",
  "toast.raised": "{machine}: new alarm",

  "verdict.anomalous": "Unusual",
  "verdict.failed": "Analysis failed",
  "verdict.learning": "Learning",
  "verdict.normal": "Normal",
  "verdict.not_assessable": "Can't be judged",
  "verdict.running": "Analysing",
};
