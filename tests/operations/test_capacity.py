"""The arithmetic of `signalcraft capacity`, and that what it ships with was checked."""

import json
from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from signalcraft.cli import app
from signalcraft.operations import capacity as model

MEASURED = model.Measurements(
    measured_at="2026-11-25T00:00:00Z",
    cores=2,
    idle_cores={"monitor": 0.05, "postgres": 0.01},
    cpu_s={
        "reading": {"link": 0.0002, "postgres": 0.0001},
        "commit": {"link": 0.001},
        "clip": {"api": 0.010, "worker": 0.020},
        "page": {"api": 0.006, "gateway": 0.001},
        "page_machine": {"api": 0.0005},
        "delivery": {"gateway": 0.0001},
        "sign_in": {"gateway": 0.020},
    },
    processes={"gateway": 1, "api": 2, "worker": 2},
    commits_per_s=100.0,
    streams_per_gateway=1500,
    base_memory_bytes=1.5e9,
    bytes_per_stream=50e3,
    bytes_per_reading=100.0,
    bytes_per_minute_row=500.0,
    bytes_per_clip_second=15e3,
    bytes_per_analysis=10e3,
)
SMALL = model.Machine(cores=2, memory_bytes=8e9, disk_bytes=200e9)
TEN = model.Demand(shops=10)


def share(demand: model.Demand, name: str, machine: model.Machine = SMALL) -> float:
    return next(limit.share for limit in model.limits(MEASURED, demand, machine) if limit.name == name)


def test_what_shops_ask_becomes_rates() -> None:
    rates = replace(TEN, reading_every_s=2, clip_every_s=100, people_per_shop=3, page_every_s=5).rates()
    assert rates["reading"] == 20
    assert rates["clip"] == pytest.approx(0.4)
    assert rates["page"] == 6
    assert rates["page_machine"] == 24
    assert rates["delivery"] == pytest.approx(1.2)
    assert rates["sign_in"] == pytest.approx(30 * 2 / 4 / 3600)


def test_cores_are_rates_times_costs_above_idle() -> None:
    """A thousand readings a second share a hundred commits."""
    used = model.cores_by_part(MEASURED, {"reading": 1000.0, "clip": 5.0})
    expected = {"monitor": 0.05, "postgres": 0.11, "link": 0.3, "api": 0.05, "worker": 0.1}
    assert used == pytest.approx(expected)


def test_readings_that_come_one_by_one_have_a_commit_each() -> None:
    used = model.cores_by_part(MEASURED, {"reading": 10.0})
    assert used["link"] == pytest.approx(10 * (0.0002 + 0.001))


def test_one_process_of_several_may_be_lost() -> None:
    """The analyses of 45 clips a second take 0.9 of a core: all that one of two workers may use."""
    demand = model.Demand(shops=45, machines_per_shop=1, clip_every_s=1)
    assert share(demand, "worker") == pytest.approx(1.0)
    assert share(demand, "worker", replace(SMALL, cores=4)) == pytest.approx(1 / 3)


def test_more_cores_do_not_make_more_of_what_is_one_process() -> None:
    assert share(TEN, "link", replace(SMALL, cores=64)) == share(TEN, "link")


def test_readings_are_dropped_from_the_disk_and_sound_is_not() -> None:
    readings = replace(TEN, clip_every_s=1e12, minute_retention_days=0)
    month = model.disk_bytes(MEASURED, readings, 30)
    assert model.disk_bytes(MEASURED, readings, 300) == pytest.approx(month, rel=1e-3)
    sound = replace(TEN, raw_retention_days=0, minute_retention_days=0)
    assert model.disk_bytes(MEASURED, sound, 60) == pytest.approx(2 * model.disk_bytes(MEASURED, sound, 30))


@given(st.integers(1, 50), st.floats(0.5, 1000), st.floats(10, 1e5), st.floats(0, 50), st.floats(1, 3600))
def test_the_most_shops_are_the_most_that_fit(
    machines: int, reading_s: float, clip_s: float, people: float, page_s: float
) -> None:
    demand = model.Demand(1, machines, reading_s, clip_s, people_per_shop=people, page_every_s=page_s)
    most = model.most_shops(MEASURED, demand, SMALL)

    def fits(shops: int) -> bool:
        return model.limits(MEASURED, replace(demand, shops=shops), SMALL)[0].share <= 1

    assert most == 0 or fits(most)
    assert not fits(most + 1)


def test_the_shipped_costs_foretold_a_load_that_they_were_not_made_from() -> None:
    document = json.loads(files("signalcraft.operations").joinpath("capacity.json").read_text())
    check = document["check"]
    assert not check["failed"]
    assert abs(check["off"]) < 0.25
    shipped = model.Measurements.shipped()
    foretold = model.cores_by_part(shipped, check["rates_per_s"])
    assert foretold == pytest.approx(check["foretold_cores"])
    assert sum(foretold.values()) / sum(check["used_cores"].values()) - 1 == pytest.approx(check["off"])


def test_the_command_says_what_runs_out_first() -> None:
    fits = CliRunner().invoke(app, ["capacity", "--shops", "2", "--json"])
    assert fits.exit_code == 0
    shares = [limit["share"] for limit in json.loads(fits.stdout)["limits"]]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] < 1
    too_many = CliRunner().invoke(app, ["capacity", "--shops", "100000"])
    assert too_many.exit_code == 1
    assert "100,000 shops" in too_many.stdout
