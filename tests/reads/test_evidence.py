"""Recordings: heard in whole and in parts, seen, and only by those they concern."""

from dataclasses import dataclass
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from PIL import Image
from reading_side import Reader, hear, reader
from starlette.testclient import TestClient

from people import FleetFixture, Person
from signalcraft.anomaly import runstate
from signalcraft.clock import utc_now
from signalcraft.dsp.features import CURRENT as FEATURES


@dataclass(frozen=True)
class Evidence:
    """A clip of the owner's machine, its sound as it is stored, and two people who ask for it."""

    clip_id: str
    analysis_id: str
    sound: bytes
    owner: Reader
    stranger: Reader

    @property
    def audio(self) -> str:
        return f"/api/clips/{self.clip_id}/audio"


@pytest.fixture
def evidence(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person, stranger: Person
) -> Evidence:
    clip_id, analysis_id = hear(fleet.device, utc_now())
    mine = reader(api_client, gateway_client, owner)
    sound = mine.get(f"/api/clips/{clip_id}/audio").data
    assert sound.startswith(b"fLaC")
    return Evidence(clip_id, analysis_id, sound, mine, reader(api_client, gateway_client, stranger))


def test_facts_and_findings(evidence: Evidence, fleet: FleetFixture) -> None:
    clip = evidence.owner.get(f"/api/clips/{evidence.clip_id}").get_json()["clip"]
    assert (clip["device_id"], clip["machine_id"]) == (fleet.device.device_id, fleet.machine.id)
    assert (clip["duration_s"], clip["sample_rate_hz"]) == (2.0, 16_000)
    assert clip["size_bytes"] == len(evidence.sound)
    found = evidence.owner.get(f"/api/analyses/{evidence.analysis_id}").get_json()["analysis"]
    assert (found["clip_id"], found["state"], found["verdict"]) == (evidence.clip_id, "done", "learning")
    assert found["versions"]["features"] == FEATURES
    assert found["versions"]["state"] == runstate.NAME
    assert found["heard_in"]["run_state"] == found["run_state"]
    assert found["quality"]["duration_s"] == 2.0


def test_evidence_of_others_does_not_exist(evidence: Evidence) -> None:
    clip = f"/api/clips/{evidence.clip_id}"
    analysis = f"/api/analyses/{evidence.analysis_id}"
    pictures = (f"{clip}/spectrogram.png", f"{analysis}/spectrogram.png")
    for path in (clip, f"{clip}/audio", *pictures, analysis, f"{analysis}/labels", f"{analysis}/former"):
        assert evidence.owner.get(path).status_code == 200
        assert evidence.stranger.get(path).status_code == 404
        assert evidence.stranger.api.get(path).status_code == 401
        assert (
            evidence.owner.get(
                path.replace(path.split("/")[3], "0" * 8 + "-0000-0000-0000-" + "0" * 12)
            ).status_code
            == 404
        )


@pytest.mark.parametrize(
    ("asked", "status", "first", "stop"),
    [
        ("bytes=0-", 206, 0, None),
        ("bytes=10-19", 206, 10, 20),
        ("bytes=-16", 206, -16, None),
        ("bytes=100-99999999", 206, 100, None),
        ("bytes=0-1,5-6", 200, 0, None),
        ("pages=1-2", 200, 0, None),
        ("nonsense", 200, 0, None),
    ],
)
def test_parts_of_the_sound(
    evidence: Evidence, asked: str, status: int, first: int, stop: int | None
) -> None:
    expected = evidence.sound[first:stop]
    answer = evidence.owner.get(evidence.audio, Range=asked)
    assert answer.status_code == (200 if expected == evidence.sound else status)
    assert answer.data == expected
    assert answer.content_length == len(expected)
    assert answer.mimetype == "audio/flac"
    if answer.status_code == 206:
        begin = first % len(evidence.sound)
        assert answer.headers["Content-Range"] == (
            f"bytes {begin}-{begin + len(expected) - 1}/{len(evidence.sound)}"
        )


def test_a_part_outside_the_sound(evidence: Evidence) -> None:
    answer = evidence.owner.get(evidence.audio, Range="bytes=99999999-")
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(evidence.sound)}"
    assert answer.mimetype == "application/problem+json"


def test_what_the_browser_has_is_not_sent_again(evidence: Evidence) -> None:
    for path in (evidence.audio, f"/api/clips/{evidence.clip_id}/spectrogram.png?width=100&height=50"):
        first = evidence.owner.get(path)
        assert first.headers["Cache-Control"].startswith("private")
        again = evidence.owner.get(path, If_None_Match=first.headers["ETag"])
        assert (again.status_code, again.data) == (304, b"")
    tag = evidence.owner.get(evidence.audio).headers["ETag"]
    assert evidence.owner.get(evidence.audio, Range="bytes=1-2", If_Range=tag).status_code == 206
    assert evidence.owner.get(evidence.audio, Range="bytes=1-2", If_Range='"other"').data == evidence.sound


def test_asking_for_the_length_alone(evidence: Evidence) -> None:
    answer = evidence.owner.get(evidence.audio, method="HEAD")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_length == len(evidence.sound)
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_a_picture_with_its_scale(evidence: Evidence) -> None:
    path = f"/api/clips/{evidence.clip_id}/spectrogram.png"
    answer = evidence.owner.get(f"{path}?width=320&height=120")
    with Image.open(BytesIO(answer.data)) as picture:
        assert (picture.format, picture.size) == ("PNG", (320, 120))
    scale = {
        name: answer.headers[f"X-Spectrogram-{name}"] for name in ("Min-Hz", "Max-Hz", "Duration-S", "Scale")
    }
    assert scale["Scale"] == "mel"
    assert float(scale["Duration-S"]) == 2.0
    assert 0 <= float(scale["Min-Hz"]) < float(scale["Max-Hz"]) <= 8000
    assert evidence.owner.get(f"{path}?width=20000").status_code == 422


def test_what_people_say_is_kept_beside_the_result(evidence: Evidence, fleet: FleetFixture) -> None:
    address = f"/api/analyses/{evidence.analysis_id}/labels"
    wrong = evidence.owner.post(address, {"verdict": "correct", "condition": "ghost"})
    assert (wrong.status_code, wrong.get_json()["errors"][0]["field"]) == (422, "condition")
    given = evidence.owner.post(address, {"verdict": "correct", "condition": "friction", "reason": "it rubs"})
    assert (given.status_code, given.get_json()["alarms_closed"]) == (201, [])
    assert evidence.stranger.post(address, {"verdict": "watch"}).status_code == 404
    for path in (address, f"/api/machines/{fleet.machine.id}/labels"):
        [label] = evidence.owner.get(path).get_json()["labels"]
        assert (label["author"], label["reason"], label["condition"]) == ("owner", "it rubs", "friction")
    names = [one["name"] for one in evidence.owner.get("/api/conditions").get_json()["conditions"]]
    assert "friction" in names


def test_models_are_seen_by_all_and_decided_about_by_few(evidence: Evidence, fleet: FleetFixture) -> None:
    models = evidence.owner.get(f"/api/machines/{fleet.machine.id}/models").get_json()
    assert (models["baselines"], models["state_model"]) == ([], None)
    assert evidence.owner.get("/api/heads").get_json()["heads"] == []
    assert evidence.owner.post(f"/api/machines/{fleet.machine.id}/relearn", {}).status_code == 403
    assert evidence.owner.post("/api/heads/train", {}).status_code == 403
    assert evidence.stranger.get(f"/api/machines/{fleet.machine.id}/models").status_code == 404
