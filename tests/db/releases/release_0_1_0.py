"""What release 0.1.0 does with its database; run with that release's own code, never with the present one.

python release_0_1_0.py fill    every table gets rows, on an empty database
python release_0_1_0.py work    people and nodes go on, on a schema that may be newer
"""

import sys
from datetime import timedelta

import numpy as np
from sqlalchemy import text

from signalcraft.accounts import service as accounts
from signalcraft.accounts.access import Principal
from signalcraft.accounts.passwords import hash_password
from signalcraft.acoustics.analysis import work_on
from signalcraft.alarms import service as alarms
from signalcraft.alarms.models import Alarm
from signalcraft.api.app import create_app
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import service as fleet
from signalcraft.settings import get_settings

RATE = 16_000
DEVICE = "NODE_OF_010"
CLIPS = 20


def hum(seed: int, *, whine: float = 0.0) -> bytes:
    rng = np.random.default_rng(seed)
    t = np.arange(2 * RATE) / RATE
    tone = sum(0.05 / k * np.sin(2 * np.pi * 120 * k * t + rng.uniform(0, 6)) for k in (1, 2, 3))
    sound = tone + 0.02 * rng.standard_normal(t.size) + whine * np.sin(2 * np.pi * 3000 * t)
    return (sound * 32767).astype("<i2").tobytes()


def send(client, pcm: bytes) -> None:
    """A clip as a node sends it, analysed as the worker does."""
    headers = {"X-Device-ID": DEVICE, "X-Sample-Rate": str(RATE), "X-Bits-Per-Sample": "16"}
    answer = client.post(
        "/api/esp32/audio/upload", data=pcm, headers=headers, content_type="application/octet-stream"
    )
    assert answer.status_code == 200, answer.text
    if analysis_id := answer.get_json()["analysis_id"]:
        work_on(analysis_id, redelivered=False)


def read_sensors(client, *, ago: timedelta) -> None:
    message = {
        "device_id": DEVICE,
        "timestamp": (utc_now() - ago).isoformat(),
        "temperature": -127,
        "vibration": {"x": 0.1, "y": 0.2, "z": 1.0},
        "power_consumption": 42,
        "audio_level": 130,
    }
    answer = client.post("/api/iot/sensors/data", json=message)
    assert answer.status_code == 200, answer.text


def fill() -> None:
    client = create_app(get_settings()).test_client()
    for minutes in range(5):
        read_sensors(client, ago=timedelta(minutes=minutes))
    read_sensors(client, ago=timedelta(days=300))  # in the default partition
    with unit_of_work() as session:
        accounts.ensure_administrator(session)
        person, _ = accounts.create_user(session, username="keeper", email="k@example.com", role="user")
        person.password_hash = hash_password("correct horse battery staple")
        session.flush()
        administrator = Principal(1, "admin", "admin", {})
        shop = fleet.create_shop(session, administrator, "Shop of 0.1.0")
        accounts.grant(session, person, shop_id=shop.id, role="store_owner")
        fleet.claim_device(session, administrator, DEVICE, shop_id=shop.id, machine_name="Freezer")
    for seed in range(CLIPS):
        send(client, hum(seed))
    send(client, hum(99, whine=0.2))
    send(client, hum(5)[: 2 * 1024])  # a piece of old firmware
    with unit_of_work() as session:
        accounts.sign_in(session, login="keeper", password="correct horse battery staple")


def work() -> None:
    client = create_app(get_settings()).test_client()
    with unit_of_work() as session:
        keeper = accounts.sign_in(session, login="keeper", password="correct horse battery staple")
    with unit_of_work() as session:
        assert accounts.refresh(session, keeper.refresh_token) is not None
    headers = {"Authorization": f"Bearer {keeper.access_token}"}
    read_sensors(client, ago=timedelta(seconds=30))
    send(client, hum(7))
    send(client, hum(8)[: 2 * 1024])
    [shop] = client.get("/api/dashboard/overview", headers=headers).get_json()["shops"]
    [machine] = shop["machines"]
    address = f"/api/machines/{machine['id']}"
    assert client.get(f"{address}/readings", headers=headers).get_json()["count"] >= 6
    assert len(client.get(f"{address}/analyses", headers=headers).get_json()["analyses"]) == CLIPS + 2
    with unit_of_work() as session:
        alarm_id = session.scalar(text("SELECT max(id) FROM alarms"))
        principal = accounts.authenticate_access_token(session, keeper.access_token)
        alarms.acknowledge(session, principal, alarm_id, comment="seen by 0.1.0")
        assert session.get_one(Alarm, alarm_id).acknowledged_at is not None


if __name__ == "__main__":
    {"fill": fill, "work": work}[sys.argv[1]]()
