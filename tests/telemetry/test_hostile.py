"""Bodies made to do harm, at the running system: a clear answer to each, and memory that stays flat."""

import gzip
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import cbor2
import httpx
import pytest
import zstandard

from signalcraft.operations import kernel
from system_instance import SystemInstance

pytestmark = pytest.mark.system

PATH = "/api/iot/sensors/data/batch"
JSON = {"Content-Type": "application/json"}
CBOR = {"Content-Type": "application/cbor"}
GZIP = JSON | {"Content-Encoding": "gzip"}
ZSTD = JSON | {"Content-Encoding": "zstd"}
NOW = datetime.now(UTC).timestamp()
TIMES = 6
GROWTH_LIMIT = 60 * 2**20
"""Of both processes together: two batches are decoded at once in each, at 20 MB."""


def reading(**changes: object) -> dict[str, object]:
    return {"device_id": "HOSTILE", "timestamp": NOW, "temperature": -18.5} | changes


GOOD = json.dumps([reading(timestamp=NOW - i) for i in range(1000)]).encode()
ZEROS = bytes(2**27)
HOSTILE: dict[str, tuple[dict[str, str], bytes]] = {
    "gzip that is cut off": (GZIP, gzip.compress(GOOD)[:-20]),
    "gzip that inflates to 128 MiB": (GZIP, gzip.compress(ZEROS, 1)),
    "gzip in gzip in gzip": (GZIP, gzip.compress(gzip.compress(gzip.compress(ZEROS, 1)))),
    "zstd that inflates to 128 MiB": (ZSTD, zstandard.compress(ZEROS)),
    "zstd that is none": (ZSTD, b"\x28\xb5\x2f\xfd" + bytes(500)),
    "ten thousand fields": (JSON, json.dumps([reading(**{f"f{i}": i for i in range(10_000)})]).encode()),
    "one name ten thousand times": (JSON, b'[{"device_id":"HOSTILE"' + b',"timestamp":1' * 10_000 + b"}]"),
    "a hundred thousand brackets": (JSON, b"[" * 100_000),
    "a hundred thousand objects": (JSON, b"[" + b"{}," * 99_999 + b"{}]"),
    "a number of a million digits": (
        JSON,
        b'[{"device_id":"HOSTILE","timestamp":' + b"9" * 1_000_000 + b"}]",
    ),
    "a name of a million letters": (JSON, json.dumps([reading(device_id="A" * 1_000_000)]).encode()),
    "binary where text belongs": (JSON, bytes(range(256)) * 1000),
    "text of another encoding": (JSON, GOOD.decode().encode("utf-16")),
    "an array that says it is endless": (CBOR, b"\x9b" + b"\xff" * 8),
    "a text that says it is endless": (CBOR, b"\x81\xa1\x7b" + b"\xff" * 8),
    "brackets in binary": (CBOR, b"\x81" * 100_000),
    "readings under a tag": (CBOR, cbor2.dumps([cbor2.CBORTag(2, b"\xff" * 100_000)])),
}


def test_memory_stays_flat_and_every_answer_is_clear(running_system: SystemInstance) -> None:
    api = running_system.processes()["api-blue"]["pid"]
    with httpx.Client(base_url=running_system.node_url, trust_env=False, timeout=30) as client:

        def send(name: str) -> tuple[str, int]:
            headers, body = HOSTILE[name]
            answer = client.post(PATH, content=body, headers=headers)
            assert answer.headers["Content-Type"] == "application/problem+json", (name, answer.text)
            assert answer.json()["success"] is False
            return name, answer.status_code

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(send, HOSTILE))  # what is loaded once is not growth
            before = kernel.memory_bytes(kernel.tree(api))
            answers = Counter(threads.map(send, list(HOSTILE) * TIMES))
        grown = kernel.memory_bytes(kernel.tree(api)) - before
        assert {status for _, status in answers} <= {400, 413, 415, 422, 503}, answers
        assert {name for name, status in answers if status != 503} == set(HOSTILE)
        assert grown < GROWTH_LIMIT
        assert running_system.rows("SELECT count(*) FROM devices WHERE device_id = 'HOSTILE'") == [(0,)]
        assert client.post(PATH, content=GOOD, headers=JSON).json()["stored"] == 1000
