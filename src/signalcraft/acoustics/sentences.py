"""What people read where no detector had a say."""

NO_MACHINE = {
    "ko": "비교할 기계를 지정하지 않아 판단하지 않았습니다. 소리의 품질은 분석할 수 있는 수준입니다.",
    "en": "No machine was named to compare with, so there is no judgement. The sound itself can be analysed.",
}
UNREADABLE = {
    "ko": "저장된 소리를 읽을 수 없어 분석하지 못했습니다.",
    "en": "The stored sound could not be read, so it was not analysed.",
}
