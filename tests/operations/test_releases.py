"""Releases: what a source may be, how a new one is judged, what is on record, what is cleared away."""

import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, text

from signalcraft.db import migrate, schema_version
from signalcraft.monitor.deployments import Deployments
from signalcraft.operations import colours
from signalcraft.operations.colours import Colours, Release
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.processes import Process
from signalcraft.operations.releases import canary, command, interrupted, prune, record
from signalcraft.operations.releases.canary import Step, WorseError
from signalcraft.operations.releases.one_at_a_time import turn
from signalcraft.operations.releases.record import Check, Deployment
from signalcraft.operations.traffic import Figures
from signalcraft.settings import Settings

STEPS, INTERVAL_S = (100,), 1.0
LINE = Deployment(
    id="20260102T030405-7",
    kind="deploy",
    release="20260102T030405-7",
    version="9+abc",
    source="v9",
    by="somebody",
    began_at="2026-01-02T03:04:05+00:00",
    seconds=61.0,
    build_seconds=9.0,
    outcome="deployed",
    colour="green",
    replaced={"id": "checkout", "folder": "/src", "python": sys.executable},
    checks=[Check("page", True, 0.1)],
    steps=[Step(5, 10.0, Figures(50, 1, 0.01, 0.02), Figures(950))],
)


def said(made: Instance) -> Deployment:
    """The newest line of the record."""
    return record.deployments(made)[-1]


def test_an_unknown_source_is_named_put_on_record_and_leaves_nothing_behind(made: Instance) -> None:
    with pytest.raises(OperationsError, match="no-such-ref"):
        command.deploy(made, "no-such-ref", "somebody", STEPS, INTERVAL_S, print)
    assert [path.name for path in (made.data_dir / "releases").iterdir()] == ["deployments.jsonl"]
    assert (said(made).outcome, said(made).by) == ("failed", "somebody")


def test_a_wheel_without_its_lock_files_is_refused(made: Instance, tmp_path: Path) -> None:
    wheel = tmp_path / "other-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other/__init__.py", "")
    with pytest.raises(OperationsError, match="carries its lock files"):
        command.deploy(made, str(wheel), "somebody", STEPS, INTERVAL_S, print)
    assert said(made).outcome == "failed"


def test_without_a_deployment_there_is_nothing_to_go_back_to(made: Instance) -> None:
    with pytest.raises(OperationsError, match="no earlier release"):
        command.rollback(made, "somebody", STEPS, INTERVAL_S, print)


def test_two_deployments_do_not_run_at_once(made: Instance) -> None:
    with turn(made), pytest.raises(OperationsError, match="under way"):
        command.rollback(made, "somebody", STEPS, INTERVAL_S, print)


def test_a_release_whose_python_does_not_begin_is_on_record(made: Instance, tmp_path: Path) -> None:
    """A rollback to it: a program that ends at once stands where its Python would."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    former = {"id": "former", "folder": str(tmp_path), "python": str(broken)}
    record.append(made, replace(LINE, release="checkout", replaced=former))
    with pytest.raises(OperationsError, match="does not even begin"):
        command.rollback(made, "somebody", STEPS, INTERVAL_S, print)
    assert (said(made).release, said(made).outcome) == ("former", "failed")


def test_a_line_of_the_record_is_read_as_it_was_written_also_by_a_release_that_knows_less(
    made: Instance,
) -> None:
    record.append(made, LINE)
    assert said(made) == LINE
    assert record.read(record.write(LINE).replace("{", '{"of_a_later_release": 1, ', 1)) == LINE


def test_prometheus_is_told_how_deployments_ended(made: Instance) -> None:
    record.append(made, LINE)
    record.append(made, replace(LINE, outcome="rolled back by itself", reason="slow"))
    registry = CollectorRegistry()
    registry.register(Deployments(made))
    ways = ("deployed", "rolled back by itself", "failed")
    said = [registry.get_sample_value("signalcraft_deployments_total", {"outcome": way}) for way in ways]
    assert said == [1.0, 1.0, 0.0]


def test_going_back_twice_goes_back_two_releases() -> None:
    def deployed(release: str, replaced: str, outcome: record.Outcome = "deployed") -> Deployment:
        former = {"id": replaced, "folder": "/", "python": sys.executable}
        return replace(LINE, release=release, replaced=former, outcome=outcome)

    lines = [deployed("a", "checkout"), deployed("b", "a"), deployed("c", "b", "rolled back by itself")]
    assert former_of(lines, "b") == "a"
    lines.append(deployed("a", "b", "rolled back on request"))
    assert former_of(lines, "a") == "checkout"
    assert former_of(lines, "checkout") is None


def former_of(lines: list[Deployment], release: str) -> str | None:
    found = record.to_go_back_to(lines, Release(release, Path("/"), Path(sys.executable)))
    return None if found is None else found.id


@pytest.mark.parametrize(
    ("new", "old", "verdict"),
    [
        (Figures(20, 3), Figures(1000, 1), "failing"),
        (Figures(20, 2), Figures(1000, 0), "fine"),  # anybody's bad luck
        (Figures(1000, 9), Figures(1000, 0), "fine"),
        (Figures(1000, 11), Figures(1000, 0), "failing"),
        (Figures(1000, 11), Figures(1000, 11), "fine"),  # the database is down for both
        (Figures(0, 0), Figures(0, 0), "fine"),
        (Figures(3, 3), Figures(0, 0), "failing"),
        (Figures(60, 0, 0.4, 1.0), Figures(60, 0, 0.1, 0.3), "slow"),
        (Figures(60, 0, 0.4, 0.8), Figures(60, 0, 0.1, 0.3), "fine"),
        (Figures(40, 0, 0.4, 9.0), Figures(60, 0, 0.1, 0.3), "fine"),  # too few to tell
    ],
)
def test_a_release_is_judged_beside_the_one_that_runs(new: Figures, old: Figures, verdict: str) -> None:
    failing, slow = canary.failing(new, old), canary.slow(new, old)
    assert ("failing" if failing else "slow" if slow else "fine") == verdict


def test_a_failing_release_is_given_up_at_once_and_a_slow_one_at_the_end() -> None:
    looks: Iterator[Figures] = iter([Figures(2), Figures(9, 5)])
    with pytest.raises(WorseError, match="5 of 9") as met:
        canary.watch(5, 60.0, lambda: (next(looks), Figures(100)), Figures())
    assert met.value.seen.seconds < 5.0
    slow = Figures(60, 0, 1.0, 2.0)
    with pytest.raises(WorseError, match=r"2\.00 s"):
        canary.watch(100, 0.3, lambda: (slow, Figures()), Figures(900, 0, 0.1, 0.2))


@pytest.mark.parametrize("text", ["", "5,25", "25,5,100", "0,100", "5,,100", "5,a,100", "5,5,100", "5,200"])
def test_shares_that_do_not_rise_to_all_of_the_traffic_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rise and end at 100"):
        canary.steps_of(text)
    assert canary.steps_of("5,25,100") == [5, 25, 100]


def test_old_releases_go_but_for_those_in_use() -> None:
    names = [f"2026010{day}T000000-1" for day in range(1, 9)]
    assert prune.expendable(reversed(names), {names[1]}) == [names[0], names[2]]
    assert prune.expendable(names[:5], set()) == []


def test_what_runs_and_the_way_back_are_not_cleared_away(made: Instance) -> None:
    names = [f"2026010{day}T000000-1" for day in range(1, 9)]
    for name in names:
        (record.releases_dir(made) / name).mkdir()
    releases = {name: Release(name, Path("/"), Path(sys.executable)) for name in names}
    colours.save(
        made, Colours("green", {"green": releases[names[1]], "blue": None}, {"green": 100, "blue": 0})
    )
    former = record.document_of(releases[names[0]])
    record.append(made, replace(LINE, release=names[1], replaced=former))
    assert prune.prune(made) == [names[2]]


# httpcore leaves the socket open by which it could not reach a proxy that does not run.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("active", ["blue", "green"])
def test_a_deployment_that_was_cut_off_is_brought_to_an_end(made: Instance, active: colours.Colour) -> None:
    """Green was coming, and had a share already; whether it was active decides who stays."""
    came = Release(LINE.release, Path("/"), Path(sys.executable))
    both = {"blue": colours.this_release(), "green": came}
    colours.save(made, Colours(active, both, {"blue": 75, "green": 25}))
    interrupted.begin(made, replace(LINE, outcome="rolled back by itself", reason=interrupted.REASON))

    interrupted.look_after(made, print)
    interrupted.look_after(made, print)

    found = colours.load(made)
    assert (found.active, found.weights[active]) == (active, 100)
    assert found.releases[colours.other(active)] is None
    outcomes = [(line.outcome, line.reason) for line in record.deployments(made)]
    cut_off = [("rolled back by itself", interrupted.REASON)]
    assert outcomes == (cut_off if active == "blue" else [("deployed", None)])


def test_nobody_ends_a_deployment_that_is_under_way(made: Instance) -> None:
    interrupted.begin(made, LINE)
    with turn(made):
        interrupted.look_after(made, print)
    assert record.deployments(made) == []


def test_another_releases_folder_restarts_an_application_but_no_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def process(folder: str) -> Process:
        return Process(
            name="one",
            kind="server",
            command=(f"{folder}/bin/postgres",),
            folder=tmp_path,
            version="18",
            inputs="archive_command",
        )

    server, application = process(sys.prefix), replace(process(sys.prefix), kind="tier")
    prints = server.fingerprint, application.fingerprint
    monkeypatch.setattr(sys, "prefix", "/another/release/.venv")
    assert process(sys.prefix).fingerprint == prints[0]
    assert replace(process(sys.prefix), kind="tier").fingerprint != prints[1]
    assert replace(process(sys.prefix), inputs="port = 5433").fingerprint != prints[0]


def test_an_older_release_leaves_a_newer_schema_as_it_is(settings: Settings, owner_engine: Engine) -> None:
    def at(revision: str) -> None:
        with owner_engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": revision})

    at("9999")
    try:
        migrate.upgrade(settings)
        assert schema_version.current(owner_engine) == "9999"
    finally:
        at(schema_version.needed())
