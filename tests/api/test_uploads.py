"""Sound that people upload: a job, and the old answer that is now true."""

import io
import threading
import time

import numpy as np
import pytest
import soundfile
from api_calls import assert_problem, signed_in, stored
from flask.testing import FlaskClient

from people import FleetFixture, Person
from signalcraft.acoustics.analysis import work_on
from signalcraft.acoustics.models import Analysis
from signalcraft.api.blueprints import ai
from signalcraft.db.session import unit_of_work


def wav(seconds: float, *, rate_hz: int = 16_000) -> bytes:
    rng = np.random.default_rng(2)
    file = io.BytesIO()
    soundfile.write(
        file, rng.normal(0, 0.05, int(seconds * rate_hz)), rate_hz, format="WAV", subtype="PCM_16"
    )
    return file.getvalue()


def long_silence() -> bytes:
    """Two hours in a few kilobytes."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(2 * 3600 * 8000, np.int16), 8000, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def form(data: bytes, **fields: object) -> dict[str, object]:
    return {"audio": (io.BytesIO(data), "clip.wav"), **fields}


def test_an_upload_is_a_job_until_it_is_a_result(
    api_client: FlaskClient, fleet: FleetFixture, owner: Person
) -> None:
    headers = signed_in(owner)
    answer = api_client.post(
        "/api/ai/analyze", data=form(wav(2), machine_id=fleet.machine.id), headers=headers
    )
    assert answer.status_code == 202, answer.text
    job = api_client.get(answer.headers["Location"], headers=headers).get_json()["job"]
    assert (job["state"], job["progress"], job["result"]) == ("queued", 0.0, None)
    with unit_of_work() as session:
        analysis_id = session.query(Analysis.id).scalar()
    work_on(analysis_id, redelivered=False)
    job = api_client.get(answer.headers["Location"], headers=headers).get_json()["job"]
    assert (job["state"], job["progress"], job["result"]["verdict"]) == ("done", 1.0, "learning")


def test_waiting_answers_with_the_result(
    api_client: FlaskClient, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that finishes meanwhile, here in a thread of this process."""
    wait = ai.waiting.wait_for_analysis

    def work_meanwhile(analysis_id: object, seconds: float) -> bool:
        worker = threading.Thread(target=lambda: work_on(analysis_id, redelivered=False))  # type: ignore[arg-type]
        worker.start()
        finished = wait(analysis_id, seconds)  # type: ignore[arg-type]
        worker.join()
        return finished

    monkeypatch.setattr(ai.waiting, "wait_for_analysis", work_meanwhile)
    answer = api_client.post("/api/ai/analyze?wait=10", data=form(wav(2)), headers=signed_in(owner))
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["result"]["state"] == "done"


def test_waiting_gives_up_in_time(api_client: FlaskClient, owner: Person) -> None:
    started = time.monotonic()
    answer = api_client.post("/api/ai/analyze?wait=0.3", data=form(wav(1)), headers=signed_in(owner))
    assert answer.status_code == 202
    assert time.monotonic() - started < 3


def test_when_too_many_wait_the_next_does_not(
    api_client: FlaskClient, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ai, "_waiters", threading.BoundedSemaphore(1))
    with ai._waiters:
        started = time.monotonic()
        answer = api_client.post("/api/ai/analyze?wait=10", data=form(wav(1)), headers=signed_in(owner))
    assert answer.status_code == 202
    assert time.monotonic() - started < 3


def test_half_of_the_threads_stay_for_nodes(settings: object) -> None:
    from signalcraft.api import gunicorn_conf  # noqa: PLC0415  # it reads the settings when imported

    assert gunicorn_conf.threads >= ai.WAITING_LIMIT * 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not sound at all",
        wav(2)[:100],
        b"RIFF\xff\xff\xff\xffWAVE" + bytes(100),
        long_silence(),
    ],
    ids=["empty", "text", "truncated", "header only", "too long"],
)
@pytest.mark.parametrize(
    "path", ["/api/ai/analyze", "/api/lightweight-analyze", "/api/ai/lightweight-analyze"]
)
def test_what_is_not_sound_stores_nothing(
    api_client: FlaskClient, admin: Person, path: str, data: bytes
) -> None:
    assert_problem(api_client.post(path, data=form(data), headers=signed_in(admin)), 422, "audio")
    assert stored() == {}


@pytest.mark.parametrize("path", ["/api/ai/analyze", "/api/lightweight-analyze"])
def test_a_form_without_a_file(api_client: FlaskClient, admin: Person, path: str) -> None:
    assert_problem(api_client.post(path, data={"other": "x"}, headers=signed_in(admin)), 422, "audio")
    assert_problem(api_client.post(path, data={"audio": "text"}, headers=signed_in(admin)), 422, "audio")


def test_a_viewer_may_not_upload_for_a_machine_of_others(
    api_client: FlaskClient, fleet: FleetFixture, stranger: Person
) -> None:
    answer = api_client.post(
        "/api/ai/analyze", data=form(wav(1), machine_id=fleet.machine.id), headers=signed_in(stranger)
    )
    assert answer.status_code == 404
    assert stored().get("clips") is None


def test_the_old_analysis_keeps_its_shapes(api_client: FlaskClient) -> None:
    for path in ("/api/lightweight-analyze", "/api/ai/lightweight-analyze"):
        answer = api_client.post(path, data=form(wav(3), model_type="auto"))
        assert answer.status_code == 200, answer.text
        document = answer.get_json()
        assert isinstance(document["is_overload"], bool)
        assert 0 <= document["confidence"] <= 1
        assert document["processing_time_ms"] > 0
        assert {
            "message",
            "timestamp",
            "status",
            "model_type",
            "diagnosis_type",
            "audio_file",
        } <= document.keys()
        assert answer.headers["Deprecation"].startswith("@")
        assert "/api/ai/analyze" in answer.headers["Link"]
