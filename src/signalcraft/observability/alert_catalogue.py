"""What the operator is told of: one table. Each with a reason, a first step and a place in the runbook.

When it is true is in `monitor/conditions.py`.
"""

from dataclasses import dataclass
from typing import Literal

from signalcraft.bilingual import Text

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Condition:
    """Something that the operator should know.

    Attributes
    ----------
    lasts_s : how long it must be true without a pause before it is told.
    title, step : what it means, and what to do first.
    runbook : the section of docs/runbook.md.
    """

    name: str
    severity: Severity
    lasts_s: float
    title: Text
    step: Text
    runbook: str


CATALOGUE = (
    Condition(
        "incident",
        "critical",
        0,
        Text(
            ko="사용자나 장치의 주요 동작이 실패하고 있습니다.",
            en="What people or nodes do is failing.",
        ),
        Text(
            ko="`signalcraft status`와 `signalcraft journeys`로 무엇이 멈추고 실패하는지 봅니다.",
            en="`signalcraft status` shows what stands still, `signalcraft journeys` what fails.",
        ),
        "a-journey-fails",
    ),
    Condition(
        "budget_burns",
        "warning",
        0,
        Text(
            ko="최근 1시간에 한 달 오류 예산의 10% 넘게 썼습니다.",
            en="More than 10 % of the month's error budget went within an hour.",
        ),
        Text(
            ko="모니터링 화면의 장애 목록과 새 릴리스 표시를 봅니다.",
            en="Look at the incidents and the marks of new releases on the monitoring page.",
        ),
        "the-error-budget-goes",
    ),
    Condition(
        "budget_spent",
        "warning",
        0,
        Text(
            ko="30일 오류 예산을 다 썼습니다.",
            en="The error budget of 30 days is spent.",
        ),
        Text(
            ko="새 릴리스를 미루고 장애의 원인부터 고칩니다.",
            en="Put off new releases; mend first what caused the incidents.",
        ),
        "the-error-budget-goes",
    ),
    Condition(
        "store_gone",
        "critical",
        0,
        Text(ko="저장소가 응답하지 않습니다.", en="A store does not answer."),
        Text(
            ko="`signalcraft doctor`로 연결을 확인하고, 그 서버의 로그를 봅니다.",
            en="`signalcraft doctor` says what it can reach; then the log of that server.",
        ),
        "a-store-does-not-answer",
    ),
    Condition(
        "process_down",
        "critical",
        60,
        Text(ko="프로세스가 멈춰 있습니다.", en="A process does not run."),
        Text(
            ko="`signalcraft logs 이름`의 마지막 줄을 보고 `signalcraft up`을 실행합니다.",
            en="The last lines of `signalcraft logs NAME`, then `signalcraft up`.",
        ),
        "a-process-is-down",
    ),
    Condition(
        "process_restarting",
        "critical",
        0,
        Text(
            ko="프로세스가 되풀이해서 다시 시작됩니다.",
            en="A process ends and is started again and again.",
        ),
        Text(
            ko="`signalcraft logs 이름`에서 끝나기 직전의 줄을 봅니다. 새 릴리스라면 `signalcraft rollback`.",
            en="`signalcraft logs NAME`: the lines before it ends. A new release? `signalcraft rollback`.",
        ),
        "a-process-is-down",
    ),
    Condition(
        "requests_fail",
        "critical",
        300,
        Text(ko="요청 100개 중 1개 넘게 실패합니다.", en="More than one request in a hundred fails."),
        Text(
            ko="`signalcraft logs -n 1000`에서 첫 오류를 찾습니다.",
            en="`signalcraft logs -n 1000`: the first error says which.",
        ),
        "requests-fail",
    ),
    Condition(
        "slow",
        "warning",
        600,
        Text(
            ko="응답 20개 중 1개가 1초 넘게 걸립니다.",
            en="One answer in twenty takes longer than a second.",
        ),
        Text(
            ko="모니터링 화면에서 CPU와 느린 SQL을 봅니다.",
            en="Look at the processors and the slowest statements on the monitoring page.",
        ),
        "answers-are-slow",
    ),
    Condition(
        "nodes_silent",
        "warning",
        300,
        Text(
            ko="10분 동안 어느 장치에서도 소식이 없습니다.",
            en="No node has been heard for ten minutes, though some were before.",
        ),
        Text(
            ko="다른 컴퓨터에서 공개 포트가 열려 있는지 확인합니다.",
            en="Ask from another machine whether the public ports answer.",
        ),
        "no-readings-come",
    ),
    Condition(
        "analyses_late",
        "warning",
        120,
        Text(
            ko="소리 분석이 1분 넘게 밀려 있습니다.",
            en="A clip has waited for its result for more than a minute.",
        ),
        Text(
            ko="`signalcraft status`에서 worker가 실행 중인지 봅니다.",
            en="`signalcraft status`: does the worker run?",
        ),
        "analyses-are-late",
    ),
    Condition(
        "queue_grows",
        "warning",
        600,
        Text(ko="대기열에 메시지가 1000개 넘게 쌓였습니다.", en="More than 1000 messages wait on the queue."),
        Text(
            ko="`signalcraft logs`에서 실패하거나 멈춘 작업을 찾습니다.",
            en="`signalcraft logs` names a task that fails or hangs.",
        ),
        "the-queue-grows",
    ),
    Condition(
        "upkeep_stopped",
        "critical",
        60,
        Text(
            ko="주기 작업이 멈췄습니다. 알람이 늦을 수 있습니다.",
            en="Periodic tasks have stopped: alarms may be late.",
        ),
        Text(
            ko="`signalcraft status`에서 scheduler와 worker를 봅니다.",
            en="`signalcraft status`: do the scheduler and the worker run?",
        ),
        "the-scheduler-is-silent",
    ),
    Condition(
        "mail_waits",
        "warning",
        300,
        Text(ko="메일이 15분 넘게 나가지 못했습니다.", en="Mail has waited for more than 15 minutes."),
        Text(
            ko="`signalcraft logs`에서 메일 서버의 답을 봅니다.",
            en="`signalcraft logs`: what does the mail server answer?",
        ),
        "mail-waits",
    ),
    Condition(
        "disk_full",
        "critical",
        300,
        Text(ko="디스크가 10%도 남지 않았습니다.", en="Less than 10 % of the disk is free."),
        Text(
            ko="데이터 폴더에서 무엇이 커지는지 `du`로 봅니다. `postgres/`에서는 아무것도 지우지 않습니다.",
            en="See with `du` what grows in the data folder; delete nothing in `postgres/`.",
        ),
        "the-disk-fills",
    ),
    Condition(
        "memory_full",
        "warning",
        300,
        Text(ko="메모리가 5%도 남지 않았습니다.", en="Less than 5 % of the memory is left."),
        Text(
            ko="모니터링 화면에서 어느 프로세스가 커졌는지 봅니다.",
            en="The monitoring page shows which process has grown.",
        ),
        "answers-are-slow",
    ),
    Condition(
        "connections_scarce",
        "warning",
        300,
        Text(
            ko="데이터베이스 연결의 90% 넘게 쓰고 있습니다.",
            en="More than 90 % of the database's connections are taken.",
        ),
        Text(
            ko="모니터링 화면에서 누가 쓰는지 보고 `signalcraft database check`를 실행합니다.",
            en="The monitoring page shows who holds them; then `signalcraft database check`.",
        ),
        "connections-are-scarce",
    ),
    Condition(
        "backup_old",
        "critical",
        0,
        Text(
            ko="복원 시험을 거친 새 백업이 없습니다.",
            en="No backup that was tried is recent enough.",
        ),
        Text(
            ko="`signalcraft backup`을 직접 실행하면 이유가 나옵니다.",
            en="`signalcraft backup` by hand says what fails.",
        ),
        "backups-are-old",
    ),
    Condition(
        "backup_not_trusted",
        "critical",
        0,
        Text(
            ko="마지막 백업이 실패했거나 복원 시험에 실패했습니다.",
            en="The last backup failed, or its trial restore did.",
        ),
        Text(
            ko="`signalcraft logs backups`에서 이유를 봅니다.",
            en="`signalcraft logs backups` says why.",
        ),
        "backups-are-old",
    ),
    Condition(
        "certificate",
        "critical",
        0,
        Text(
            ko="인증서가 곧 만료되거나 올바르지 않습니다.",
            en="The certificate ends soon, or is not valid.",
        ),
        Text(
            ko="TLS를 맡은 프로그램에서 인증서를 갱신합니다.",
            en="Renew it where TLS ends.",
        ),
        "the-certificate-ends",
    ),
    Condition(
        "clock_moved",
        "warning",
        0,
        Text(ko="이 컴퓨터의 시계가 갑자기 바뀌었습니다.", en="The clock of this machine was moved."),
        Text(
            ko="`timedatectl`로 시각 동기화(NTP)를 확인합니다.",
            en="`timedatectl`: is the time kept by NTP?",
        ),
        "the-clock-is-wrong",
    ),
)

BY_NAME = {condition.name: condition for condition in CATALOGUE}
