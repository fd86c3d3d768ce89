"""Two releases side by side: what is written down of them, and what is to run because of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from signalcraft.observability import draining
from signalcraft.operations import boot, colours, lifecycle, processes
from signalcraft.operations.colours import Colours, Release, this_release
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.pm2 import ecosystem
from signalcraft.operations.processes import Process, catalogue


def _other(made: Instance) -> Release:
    folder = made.data_dir / "releases" / "other"
    return Release("other", folder, folder / ".venv" / "bin" / "python")


def _side_by_side(made: Instance, active: colours.Colour) -> Release:
    """This release as blue, another one as green, which has left its description: ours with its Python."""
    other = _other(made)
    processes.remember(made, "green")
    file = made.run_dir / "processes-green.json"
    file.write_text(file.read_text().replace(sys.executable, str(other.python)))
    releases: dict[colours.Colour, Release | None] = {"blue": this_release(), "green": other}
    colours.save(made, Colours(active, releases, {"blue": 75, "green": 25}))
    return other


def _pythons(made: Instance) -> dict[str, Path]:
    return {process.name: process.python for process in catalogue(made)}


def test_while_nothing_was_deployed_the_code_that_asks_is_blue(made: Instance) -> None:
    found = colours.load(made)
    assert (found.active, found.weights) == ("blue", {"blue": 100, "green": 0})
    release = found.releases["blue"]
    assert release is not None
    assert release.is_this
    assert release.program.exists()
    assert found.releases["green"] is None


def test_what_is_saved_is_loaded_and_is_the_owner_s_alone(made: Instance) -> None:
    saved = Colours("green", {"blue": None, "green": _other(made)}, {"blue": 0, "green": 100})
    colours.save(made, saved)
    assert colours.load(made) == saved
    assert (made.run_dir / "colours.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="no release"):
        colours.save(made, Colours("blue", saved.releases, saved.weights))
    with pytest.raises(ValueError, match="shares"):
        colours.save(made, Colours("green", saved.releases, {"blue": -1, "green": 101}))
    assert colours.load(made) == saved


def test_in_the_middle_of_a_deployment_both_colours_run_each_by_its_own_python(made: Instance) -> None:
    other = _side_by_side(made, "blue")
    pythons = _pythons(made)
    for name in ("gateway", "api", "link", "worker"):
        assert pythons[f"{name}-blue"] == Path(sys.executable)
        assert pythons[f"{name}-green"] == other.python
    for single in ("postgres", "scheduler", "monitor", "backups", "proxy", "watchdog"):
        assert pythons[single] == Path(sys.executable)
    assert f'"script": "{other.python}"' in ecosystem(made, catalogue(made))


def test_what_there_is_one_of_belongs_to_the_active_release(made: Instance) -> None:
    other = _side_by_side(made, "green")
    pythons = _pythons(made)
    assert {pythons[name] for name in ("scheduler", "monitor", "watchdog", "gateway-green")} == {other.python}
    assert pythons["gateway-blue"] == Path(sys.executable)


def test_a_release_of_another_version_may_know_more_of_a_process(made: Instance) -> None:
    _side_by_side(made, "blue")
    file = made.run_dir / "processes-green.json"
    document = json.loads(file.read_text())
    file.write_text(json.dumps([{**entry, "of_the_future": 1} for entry in document]))
    described = {process.name: process for process in catalogue(made)}
    assert isinstance(described["api-green"], Process)


def test_up_is_the_active_release_s_own(made: Instance) -> None:
    other = _side_by_side(made, "green")
    with pytest.raises(OperationsError, match=r"other was deployed and cannot be started.*No such file"):
        lifecycle.hand_over(made)
    other.program.parent.mkdir(parents=True)
    other.program.write_text('#!/bin/sh\necho "the other release: $1"\n')
    other.program.chmod(0o755)
    code = "from signalcraft.operations import instance, lifecycle; lifecycle.hand_over(instance.load())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "the other release: up\n", done.stderr
    assert str(made.data_dir / "signalcraft") in boot.unit(made)
    told = subprocess.run([made.data_dir / "signalcraft", "down"], capture_output=True, text=True)
    assert told.stdout == "the other release: down\n"


def test_the_active_colour_is_neither_replaced_nor_stopped(made: Instance) -> None:
    with pytest.raises(OperationsError, match="blue is the active colour"):
        lifecycle.start_colour(made, "blue", this_release(), 1.0, print)
    with pytest.raises(OperationsError, match="blue is the active colour"):
        lifecycle.stop_colour(made, "blue", print)
    with pytest.raises(OperationsError, match="Only the release that runs as green"):
        lifecycle.make_active(made, "green", print)


def test_a_drained_colour_s_processes_know_it_and_no_others(made: Instance) -> None:
    draining.watch(lambda: False)
    try:
        assert not draining.is_draining()
        draining.drain_file(made.data_dir, "green").touch()
        assert not draining.is_draining(), "this process is blue"
        draining.drain_file(made.data_dir, "blue").touch()
        assert draining.is_draining()
    finally:
        draining._asked.clear()
