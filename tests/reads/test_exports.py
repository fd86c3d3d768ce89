"""Readings as files and as the newest values: complete, streamed, and only for those whose they are."""

import io
from datetime import UTC, datetime, timedelta

import pyarrow.csv
import pyarrow.parquet
import pytest
from flask.testing import FlaskClient
from reading_side import reader
from starlette.testclient import TestClient

from people import FleetFixture, Person, make_person
from signalcraft.clock import utc_now
from signalcraft.fleet.admission import Caller
from signalcraft.telemetry import presence
from signalcraft.telemetry.batches import of_reading
from signalcraft.telemetry.schemas import ReadingIn
from signalcraft.telemetry.writer import get_writer

START = datetime(2026, 11, 2, 5, 59, tzinfo=UTC)
RANGE = "from=2026-11-02T00:00:00Z&to=2026-11-03T00:00:00Z"


def send(fleet: FleetFixture, at: datetime, **values: float) -> None:
    name = fleet.device.device_id
    stored = get_writer().submit(of_reading(name, ReadingIn(at, values)), [Caller(name, None, None)])
    assert stored.result(10).stored == 1


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_holds_every_reading(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person, form: str
) -> None:
    axes = {"vibration_x": 0.0, "vibration_y": 0.0, "vibration_z": 1.0}
    for second in range(0, 120, 30):  # over the end of a portion
        send(fleet, START + timedelta(seconds=second), temperature_c=-18.5, **axes)
    send(fleet, START + timedelta(seconds=121), temperature_c=-127.0)
    caller = reader(api_client, gateway_client, owner)
    path = f"/api/devices/{fleet.device.device_id}/readings/export?format={form}&{RANGE}"
    with caller.get(path) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"].endswith(f'.{form}"')
        file = io.BytesIO(answer.data)
    table = pyarrow.csv.read_csv(file) if form == "csv" else pyarrow.parquet.read_table(file)
    rows = table.to_pylist()
    moments = [row["measured_at"].replace(tzinfo=UTC) for row in rows]
    assert moments == [START + timedelta(seconds=second) for second in (0, 30, 60, 90, 121)]
    assert [row["temperature_c"] for row in rows] == [-18.5] * 4 + [None]
    assert [row["flawed"] for row in rows] == [False] * 4 + [True]
    assert [row["vibration_g"] for row in rows[:4]] == [0.0] * 4
    assert rows[4]["acceleration_z_g"] is None


def test_who_may_take_readings_away(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person, stranger: Person
) -> None:
    viewer = make_person("viewer", shops={fleet.shop.id: "viewer"})
    path = f"/api/devices/{fleet.device.device_id}/readings"
    for person, may_see, may_take in ((owner, 200, 200), (viewer, 200, 403), (stranger, 404, 404)):
        caller = reader(api_client, gateway_client, person)
        assert caller.get(path).status_code == may_see
        with caller.get(f"{path}/export") as answer:
            assert answer.status_code == may_take
        assert caller.get(f"/api/shops/{fleet.shop.id}/latest").status_code == may_see


def test_the_newest_values_of_a_shop(
    monkeypatch: pytest.MonkeyPatch,
    api_client: FlaskClient,
    gateway_client: TestClient,
    fleet: FleetFixture,
    owner: Person,
) -> None:
    monkeypatch.setattr(presence, "NOTE_INTERVAL_S", 0.0)
    now = utc_now().replace(microsecond=0)
    send(fleet, now, temperature_c=-19.25, power_percent=40.0)
    answer = reader(api_client, gateway_client, owner).get(f"/api/shops/{fleet.shop.id}/latest").get_json()
    [machine] = answer["machines"]
    assert machine["machine_id"] == fleet.machine.id
    assert (machine["status"], machine["temperature_c"], machine["vibration_g"]) == ("online", -19.25, None)
    assert machine["measured_at"] == now.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_chart_of_one_device(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person
) -> None:
    send(fleet, START, temperature_c=-18.0)
    caller = reader(api_client, gateway_client, owner)
    path = f"/api/devices/{fleet.device.device_id}/readings"
    answer = caller.get(f"{path}?from=2026-11-02T05:00:00Z&to=2026-11-02T06:00:00Z&points=2000").get_json()
    assert (answer["count"], answer["level"], answer["late"]) == (1, "raw", 1)
    assert answer["fields"]["temperature_c"] == [-18.0]
    assert caller.get(f"{path}?from=2020-11-02T05:00:00Z").status_code == 422
