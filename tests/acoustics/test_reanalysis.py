"""Stored sound judged anew: nothing is overwritten silently, nothing rings."""

from datetime import timedelta
from importlib import import_module

import pytest
from hearing import fetch, hear, hum, raise_alarm, teach
from sqlalchemy import delete, func, select, update
from typer.testing import CliRunner

from people import FleetFixture
from signalcraft.acoustics import reanalysis
from signalcraft.acoustics.learning.models import Baseline, StateModel
from signalcraft.acoustics.models import Analysis, FormerResult
from signalcraft.alarms.models import Alarm
from signalcraft.cli import app
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work

pytestmark = pytest.mark.usefixtures("quick_learners")


def run(fleet: FleetFixture, *, dry_run: bool) -> reanalysis.Report:
    report = reanalysis.Report()
    for _ in reanalysis.reanalyse(
        fleet.machine.id, since=None, dry_run=dry_run, reason="test", report=report
    ):
        pass
    return report


def forget_the_new_engine() -> None:
    """As after an upgrade: results of an older feature set, nothing learned from today's."""
    with unit_of_work() as session:
        session.execute(
            update(Analysis)
            .where(Analysis.features.is_not(None))
            .values(feature_version="of-yesterday", baseline_id=None, run_state=None)
        )
        session.execute(delete(Baseline))
        session.execute(delete(StateModel))


def test_results_are_made_anew_and_the_former_ones_kept(fleet: FleetFixture) -> None:
    teach(fleet.device, begin=utc_now() - timedelta(days=3))
    found = raise_alarm(fleet.device)
    silent = hear(fleet.device, bytes(64_000))
    forget_the_new_engine()

    report = run(fleet, dry_run=True)
    assert report.changed == 20, "clips that were learned from are judged by what was learned from all"
    with unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(FormerResult)) == 0
        assert session.scalar(select(func.count()).select_from(Baseline)) == 0

    assert run(fleet, dry_run=False).changes == report.changes
    again = fetch(found.id)
    assert (again.verdict, again.revision, again.feature_version) == ("anomalous", 2, found.feature_version)
    assert again.score == pytest.approx(found.score)
    assert again.explanation == found.explanation
    assert fetch(silent.id).revision == 1, "what could not be judged is as it was"
    with unit_of_work() as session:
        former = session.scalars(select(FormerResult).where(FormerResult.analysis_id == found.id)).one()
        assert session.scalar(select(func.count()).select_from(Alarm)) == 1
    assert (former.revision, former.reason) == (1, "test")
    assert former.result["score"] == pytest.approx(found.score)
    assert former.result["feature_version"] == "of-yesterday"


def test_the_command_says_what_would_change(fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    # The package has the command under the module's name.
    monkeypatch.setattr(import_module("signalcraft.cli.reanalyze"), "local_settings", lambda: None)
    hear(fleet.device, hum(1))
    told = CliRunner().invoke(app, ["reanalyze", "--machine", str(fleet.machine.id), "--dry-run"])
    assert told.exit_code == 0, told.output
    assert "1 clips" in told.output
    assert "0 would change" in told.output
    assert CliRunner().invoke(app, ["reanalyze", "--machine", "999"]).exit_code == 1


def test_baselines_of_another_build_are_told_and_learned_anew(fleet: FleetFixture) -> None:
    teach(fleet.device, begin=utc_now() - timedelta(days=3))
    with unit_of_work() as session:
        # With the time of its making another, or it would still be in this worker's memory.
        session.execute(update(Baseline).values(arrays=b"of another layout", created_at=utc_now()))

    report = run(fleet, dry_run=False)
    assert report.baselines_unreadable == report.baselines == 1
    with unit_of_work() as session:
        told = session.scalars(select(Baseline).order_by(Baseline.version)).all()
        assert [(one.status, (one.decision or {})["rule"]) for one in told] == [
            ("retired", "unreadable"),
            ("active", "first"),
        ]
