"""What bites with Gunicorn, PM2, Celery, Prometheus and old firmware, and the test that guards each point.

The list keeps a test from being removed without its point being guarded elsewhere.
"""

import ast
import importlib
from pathlib import Path

import pytest

from signalcraft.operations.ports import TIERS
from signalcraft.operations.tiers import GRACE_SECONDS
from signalcraft.queue import make_celery
from signalcraft.settings import Settings

TESTS = Path(__file__).parents[1]

GUARDS = {
    "PM2 stops with SIGINT, which Gunicorn takes as quick shutdown": [
        "operations/test_pm2.py::test_a_crash_loop_slows_down_and_a_stop_is_sigterm_with_time_to_finish",
        "operations/test_ecosystem.py::test_every_process_is_there_and_comes_back_for_ever",
    ],
    "a crash loop": [
        "operations/test_pm2.py::test_a_crash_loop_slows_down_and_a_stop_is_sigterm_with_time_to_finish",
    ],
    "a restart in fork mode has a gap": [
        "operations/test_proxy.py::test_a_request_waits_for_a_tier_that_is_being_restarted",
        "operations/test_proxy.py::test_what_a_tier_may_have_done_is_not_sent_again",
    ],
    "PM2's memory limit does not see Gunicorn's workers": [
        "operations/test_workers.py::test_a_worker_that_leaks_is_replaced_and_finishes_what_it_does",
    ],
    "a worker that hangs": [
        "operations/test_workers.py::test_a_worker_that_hangs_is_replaced",
    ],
    "Gunicorn's control socket is one for all instances of a user": [
        "operations/test_pitfalls.py::test_each_tier_has_no_shared_control_socket_and_the_grace_that_pm2_allows",
    ],
    "workers of a killed master hold the port": [
        "operations/test_launch.py::test_orphans_of_a_killed_master_are_ended",
        "operations/test_launch.py::test_a_master_that_outlived_its_manager_is_asked_to_stop",
    ],
    "Celery on Redis delivers more than once": [
        "operations/test_pitfalls.py::test_a_task_is_acknowledged_when_it_is_done_and_none_is_fetched_ahead",
        "system/test_chaos.py::test_nothing_accepted_is_lost_or_told_twice_whatever_happens",
    ],
    "a long event stream holds up a worker that stops": [
        "gateway/test_stream.py::"
        "test_streams_of_a_stopping_process_end_one_after_the_other_and_resume_without_loss_or_doubles",
        "gateway/test_stream.py::test_a_client_that_comes_back_gets_what_it_missed_once_and_in_order",
    ],
    "Prometheus with several processes": [
        "observability/test_metrics.py::test_processes_of_a_server_are_added_up_and_a_successor_goes_on",
        "operations/test_prometheus_targets.py::test_every_process_says_its_numbers_where_prometheus_looks",
    ],
    "a refresh token whose answer was lost": [
        "accounts/test_sessions.py::test_a_lost_answer_gets_the_same_successor",
        "accounts/test_sessions.py::test_a_retry_after_the_successor_was_used_is_a_theft_and_the_person_is_told",
        "accounts/test_refresh_interleavings.py::test_honest_clients_stay_signed_in_and_thieves_are_caught",
    ],
    "connection pools that are too large together": [
        "db/test_limits.py::test_the_embedded_server_has_room_for_both_colours",
        "db/test_limits.py::test_processes_that_could_be_refused_are_not_started",
        "db/test_limits.py::test_a_process_holds_no_more_than_its_share",
    ],
    "PostgreSQL refuses to run as root": [
        "operations/test_account.py::test_passage",
        "operations/test_system.py::test_the_system_starts_survives_and_stops",
    ],
    "old firmware sends bare nan and inf": [
        "contract/test_bad_input.py::test_the_known_sins_of_old_firmware_are_accepted_and_marked",
        "api/test_nodes.py::test_features_of_field_firmware_with_its_sins",
    ],
    "old firmware stamps milliseconds since its start": [
        "telemetry/test_clocks.py::test_millis_begins_anew_after_fifty_days",
        "telemetry/test_clocks.py::test_each_start_has_a_time_of_its_own",
    ],
}


@pytest.mark.parametrize("point", GUARDS)
def test_the_tests_that_guard_it_are_there(point: str) -> None:
    for guard in GUARDS[point]:
        file, _, name = guard.partition("::")
        tree = ast.parse((TESTS / file).read_text())
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert name in {node.name for node in tree.body if isinstance(node, functions)}, guard


@pytest.mark.parametrize("tier", TIERS)
def test_each_tier_has_no_shared_control_socket_and_the_grace_that_pm2_allows(
    settings: Settings, tier: str
) -> None:
    conf = importlib.import_module(f"signalcraft.{tier}.gunicorn_conf")
    assert conf.control_socket_disable
    assert conf.graceful_timeout == GRACE_SECONDS
    assert conf.logger_class == "signalcraft.logging.GunicornLogger"


def test_a_task_is_acknowledged_when_it_is_done_and_none_is_fetched_ahead(settings: Settings) -> None:
    conf = make_celery(settings).conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
