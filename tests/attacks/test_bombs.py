"""A small body that would become a large one: refused at once, in little memory."""

import gzip
import io
import resource
import time
import zipfile
import zlib
from collections.abc import Callable

import av
import numpy as np
from flask.testing import FlaskClient
from starlette.testclient import TestClient

from people import Person, bearer

SECONDS = 5.0
"""What any of them may take on a busy machine; what they unpack to would take longer."""
MEGABYTES = 60
"""What any of them may add to the memory of the process, less than it would unpack to."""
UNPACKED = 100 * 1024 * 1024


def gzipped() -> bytes:
    return gzip.compress(bytes(UNPACKED), 9)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("sound.wav", bytes(UNPACKED))
    return file.getvalue()


def silence(minutes: int) -> bytes:
    """Silence, which AAC keeps in next to nothing, as M4A."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=8000)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        for _ in range(minutes):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 480_000), np.float32), "fltp", "mono")
            frame.sample_rate = 8000
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def promised(data: bytes, sign: bytes) -> bytes:
    """An MP4 whose table of that sign claims four thousand million entries."""
    place = data.index(sign) + len(sign) + 4
    return data[:place] + b"\xff\xff\xff\xff" + data[place + 4 :]


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip of zeros": gzipped,
    "zip of zeros": zipped,
    "zlib of zeros": lambda: zlib.compress(bytes(UNPACKED), 9),
    "a zip behind a WAV's first bytes": lambda: b"RIFF\xff\xff\xff\xffWAVE" + zipped(),
    "ten minutes of silence as M4A": lambda: silence(10),
    "an M4A that promises four thousand million parts": lambda: promised(silence(1), b"stsz\x00\x00\x00\x00"),
}


def peak_megabytes() -> float:
    """The most memory that this process has ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_a_bomb_is_refused_before_it_is_unpacked(
    api_client: FlaskClient, gateway_client: TestClient, admin: Person
) -> None:
    headers = bearer(gateway_client, admin)
    for name, make in BOMBS.items():
        data = make()
        assert len(data) < 400_000, name
        held, began = peak_megabytes(), time.monotonic()
        answer = api_client.post(
            "/api/ai/analyze", data={"audio": (io.BytesIO(data), "sound.wav")}, headers=headers
        )
        assert time.monotonic() - began < SECONDS, name
        assert peak_megabytes() - held < MEGABYTES, name
        assert answer.status_code == 422, (name, answer.text)
        assert [error["field"] for error in answer.get_json()["errors"]] == ["audio"], name


def test_a_packed_document_is_not_unpacked(
    api_client: FlaskClient, gateway_client: TestClient, admin: Person
) -> None:
    """It is taken for what it is without its coding: no JSON."""
    packed = gzip.compress(b'{"device_id": "FREEZER_7", "timestamp": ' + b" " * 50_000_000 + b"1}", 9)
    coded = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    for path in ("/api/iot/sensors/data", "/api/esp32/features", "/api/esp32/register"):
        assert api_client.post(path, data=packed, headers=coded).status_code in {400, 415}
    headers = bearer(gateway_client, admin) | coded
    for path in ("/api/auth/login", "/api/admin/shops"):
        assert gateway_client.post(path, content=packed, headers=headers).status_code in {400, 415}
