"""Releases: what a source may be, what may stay when another release starts, what taking one back needs."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from signalcraft.db import migrate, schema_version
from signalcraft.operations import releases
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.processes import Process
from signalcraft.settings import Settings


def test_an_unknown_source_is_named_and_leaves_nothing_behind(made: Instance) -> None:
    with pytest.raises(OperationsError, match="no-such-ref"):
        releases.build(made, "no-such-ref", print)
    assert list((made.data_dir / "releases").iterdir()) == []


def test_a_release_without_its_lock_file_is_refused_and_leaves_nothing_behind(
    made: Instance, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'signalcraft'\nversion = '9'\n")
    with pytest.raises(OperationsError, match=r"environment cannot be made.*requirements\.lock"):
        releases.build(made, str(tmp_path), print)
    assert list((made.data_dir / "releases").iterdir()) == []


def test_without_a_deployment_there_is_nothing_to_go_back_to(made: Instance) -> None:
    with pytest.raises(OperationsError, match="no earlier release"):
        releases.rollback(made, "somebody", print)


def test_a_release_that_does_not_become_ready_gives_way_to_the_one_before_and_is_on_record(
    made: Instance,
) -> None:
    """Programs of two lines stand where the releases' own `signalcraft` would."""
    folder = made.data_dir / "releases"
    started = made.data_dir / "started"
    broken = _release(folder / "broken", "echo 'gateway-blue is not ready' >&2; exit 1")
    sound = _release(folder / "sound", f"echo up >>{started}")
    lines = [_deployed(program) for program in (broken, sound)]
    (folder / "deployments.jsonl").write_text("".join(json.dumps(asdict(line)) + "\n" for line in lines))

    with pytest.raises(OperationsError, match="gateway-blue is not ready"):
        releases.rollback(made, "somebody", print)

    assert started.read_text() == "up\n"
    latest = releases.deployments(made)[-1]
    assert (latest.release, latest.by, latest.outcome) == ("broken", "somebody", "rolled back by itself")


def _release(folder: Path, script: str) -> Path:
    program = folder / ".venv" / "bin" / "signalcraft"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def _deployed(program: Path) -> releases.Deployment:
    return releases.Deployment(
        release=program.parents[2].name,
        program=str(program),
        source="a folder",
        by="somebody",
        began_at="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        outcome="deployed",
    )


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
            inputs=f"archive_command = '{folder}/archive.sh'",
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
