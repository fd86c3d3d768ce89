/* Korean, written for shop owners. The keys are the same as in en.js (a test compares them). */

export default {
  "action.close": "닫기",
  "action.save": "저장",
  "action.sign_out": "로그아웃",
  "action.skip": "본문으로 건너뛰기",

  "age.now": "방금",

  "alarm.acknowledge": "확인했습니다",
  "alarm.acknowledged": "{name} 님이 확인했습니다",
  "alarm.advice": "먼저 하실 일",
  "alarm.comment": "메모 (선택)",
  "alarm.repeats": "{count}회 감지",
  "alarm.since": "{time}부터",
  "alarm.title": "경보 · {severity}",

  "analyses.older": "이전 분석 더 보기",
  "analyses.title": "분석 기록",
  "analysis.heard": "녹음",
  "analysis.none": "아직 분석한 소리가 없습니다.",
  "analysis.ratio": "기준의 {ratio}배",
  "analysis.title": "소리 진단",

  "band.level": "{range}: 평소보다 {change}",
  "band.variation": "{range}: 소리의 흔들림이 평소보다 {change}",

  "baseline.learning": "정상 소리를 배우는 중입니다: {needed}개 중 {clips}개",

  "claim.button": "기계로 등록",
  "claim.lead": "데이터를 보내고 있지만 아직 어느 매장에도 등록되지 않은 장치입니다. 등록하면 그동안 받은 데이터도 함께 보입니다.",
  "claim.machine_hint": "예: 아이스크림 냉동고 1",
  "claim.machine_name": "기계 이름",
  "claim.new_shop": "새 매장 만들기…",
  "claim.new_shop_name": "새 매장 이름",
  "claim.open": "매장에 등록하기",
  "claim.shop": "매장",
  "claim.title": "미등록 장치",

  "connection.connecting": "연결 중",
  "connection.live": "실시간",
  "connection.offline": "서버에 연결할 수 없음",
  "connection.polling": "주기적 갱신",

  "device.last_seen": "마지막 수신",
  "device.late": "데이터 지연",
  "device.offline": "연결 끊김",

  "fact.attempts": "분석 시도 횟수",
  "fact.baseline": "기준 번호",
  "fact.clipped": "잘린 구간",
  "fact.detector": "판정 방식",
  "fact.duration": "길이",
  "fact.features": "특징 추출 방식",
  "fact.level": "평균 음량",
  "fact.peak": "최대 음량",
  "fact.score": "점수",
  "fact.score_of": "{score} (기준 {limit})",
  "fact.tail": "정상일 때 이런 점수가 나올 확률",
  "fact.title": "기술 정보",

  "light.blue": "학습 중",
  "light.green": "정상",
  "light.grey": "데이터 없음",
  "light.red": "조치 필요",
  "light.yellow": "확인 필요",

  "machine.back": "전체 보기",
  "machine.device": "장치 {id}",
  "machine.missing": "이 기계를 찾을 수 없거나 볼 권한이 없습니다.",
  "machine.rename": "이름 바꾸기",

  "overview.empty": "아직 매장이 없습니다. 장치가 데이터를 보내기 시작하면 아래에 나타나며, 그때 매장과 기계로 등록할 수 있습니다.",
  "overview.title": "매장과 기계",

  "page.home": "처음으로",
  "page.loading": "불러오는 중…",
  "page.missing": "페이지를 찾을 수 없습니다.",

  "player.label": "녹음된 소리",

  "problem.unreachable": "서버에 연결할 수 없습니다. 잠시 후 다시 시도합니다.",

  "range.1h": "1시간",
  "range.24h": "24시간",
  "range.7d": "7일",

  "reading.bad": "센서 이상",
  "reading.measured": "측정",
  "reading.none": "아직 측정값이 없습니다.",
  "reading.power": "전력",
  "reading.temperature": "온도",
  "reading.vibration": "진동",
  "readings.none": "이 기간에는 측정값이 없습니다.",
  "readings.range": "기간",
  "readings.title": "측정값",

  "reason.clipped": "소리가 너무 커서 잘렸습니다",
  "reason.dropouts": "녹음이 중간중간 끊겼습니다",
  "reason.gave_up": "여러 번 시도했지만 분석하지 못했습니다",
  "reason.not_decodable": "저장된 소리를 읽을 수 없습니다",
  "reason.silent": "소리가 들리지 않습니다",
  "reason.sound_missing": "저장된 소리를 찾을 수 없습니다",
  "reason.too_short": "녹음이 너무 짧습니다",

  "score.label": "평소와 다른 정도 (기준 대비 배수)",
  "score.limit": "기준",
  "score.none": "학습이 끝나면 소리마다 평소와 다른 정도가 여기에 나타납니다.",

  "severity.critical": "심각",
  "severity.high": "높음",
  "severity.low": "낮음",
  "severity.medium": "보통",

  "sign_in.button": "로그인",
  "sign_in.lead": "냉동기의 소리를 듣고 고장을 미리 알려 드립니다.",
  "sign_in.password": "비밀번호",
  "sign_in.title": "SignalCraft",
  "sign_in.too_many": "시도가 너무 많습니다. 잠시 후 다시 시도해 주세요.",
  "sign_in.username": "아이디 또는 이메일",
  "sign_in.wrong": "아이디 또는 비밀번호가 맞지 않습니다.",

  "spectrogram.caption": "가로는 시간, 세로는 높낮이입니다. 밝을수록 큰 소리입니다 ({low}~{high} dB).",
  "spectrogram.label": "소리의 스펙트로그램",
  "spectrogram.missing": "이 녹음의 그림을 불러올 수 없습니다.",

  "stage.decoding": "소리를 읽는 중…",
  "stage.features": "소리의 특징을 찾는 중…",
  "stage.queued": "분석을 기다리는 중…",
  "stage.scoring": "평소 소리와 비교하는 중…",

  "synthetic.tag": "가상 데이터",
  "synthetic.title": "실제 기계가 아니라 시뮬레이션으로 만든 데이터입니다.",

  "toast.changed": "{machine}: 경보 단계가 바뀌었습니다",
  "toast.cleared": "{machine}: 경보가 해제되었습니다",
  "toast.raised": "{machine}: 새 경보",

  "verdict.anomalous": "평소와 다름",
  "verdict.failed": "분석 실패",
  "verdict.learning": "학습 중",
  "verdict.normal": "정상",
  "verdict.not_assessable": "판단 불가",
  "verdict.running": "분석 중",
};
