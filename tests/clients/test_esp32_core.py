"""The C++ core of the nodes' library on this machine: its own tests, and a node against a server."""

import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from system_instance import SystemInstance

LIBRARY = Path(__file__).parents[2] / "clients" / "esp32"
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of Ed25519 (RFC 8032, 5.1)."""
POWER_FAILED = 77
BOOTS = 12
HOUR_US = 3_600_000_000


def compiler() -> list[str]:
    """This machine's C++ compiler, or the one that `deploy/bootstrap.sh compiler` installs."""
    warnings = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
    checks = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    found = shutil.which("g++") or shutil.which("clang++")
    if found:
        return [found, *warnings, *checks, "-fsanitize=address"]
    if find_spec("ziglang") is None:
        pytest.fail("there is no C++ compiler: run deploy/bootstrap.sh compiler")
    return [sys.executable, "-m", "ziglang", "c++", *warnings, *checks]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`unit`: the core's tests. `host`: a node."""
    folder = tmp_path_factory.mktemp("esp32")
    command = compiler()
    subprocess.run([*command, "-c", *sorted(LIBRARY.glob("src/core/*.cpp"))], cwd=folder, check=True)
    objects = sorted(folder.glob("*.o"))
    for name in ("unit", "host"):
        sources = sorted(LIBRARY.glob(f"test/{name}/*.cpp"))
        subprocess.run([*command, "-o", folder / name, *sources, *objects], check=True)
    return {"unit": folder / "unit", "host": folder / "host"}


@pytest.mark.timeout(300)  # a compiler from the registry builds its C++ library first
def test_the_core_passes_its_own_tests(programs: dict[str, Path]) -> None:
    done = subprocess.run([programs["unit"]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "loses_nothing_wherever_the_power_fails" in done.stdout


def test_signatures_are_judged_as_openssl_judges_them(programs: dict[str, Path]) -> None:
    chance = random.Random(25519)
    cases: list[tuple[bytes, bytes, bytes, bool]] = []
    for length in (0, 1, 31, 32, 55, 56, 63, 64, 111, 112, 127, 128, 129, 1000):
        private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        key, message = private.public_key().public_bytes_raw(), chance.randbytes(length)
        good = private.sign(message)
        altered = bytearray(good)
        altered[chance.randrange(64)] ^= 1 << chance.randrange(8)
        above = int.from_bytes(good[32:], "little") + GROUP_ORDER
        cases += [
            (key, message, good, True),
            (key, message, bytes(altered), False),
            (key, message + b"\0", good, False),
            (key, message, good[:32] + above.to_bytes(32, "little"), False),
            (b"\xff" * 32, message, good, False),
            (chance.randbytes(32), message, good, False),
        ]
    lines = "".join(f"{key.hex()} m{message.hex()} {sign.hex()}\n" for key, message, sign, _ in cases)
    done = subprocess.run([programs["unit"], "signatures"], input=lines, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{_sha256(message)} {good:d}" for _, message, _, good in cases]


def _sha256(message: bytes) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(message)
    return digest.finalize().hex()


@dataclass
class Told:
    """What a node said: the readings it was about to keep, and those that it kept."""

    recording: set[tuple[str, ...]] = field(default_factory=set)
    recorded: set[tuple[str, ...]] = field(default_factory=set)
    power_failures: int = 0

    def boot(self, command: list[str | Path]) -> int:
        done = subprocess.run(command, capture_output=True, text=True)
        for line in done.stdout.splitlines():
            what, *words = line.split()
            (self.recorded if what == "recorded" else self.recording).add(tuple(words))
        self.power_failures += done.returncode == POWER_FAILED
        assert done.returncode in {0, POWER_FAILED}, done.stderr
        return done.returncode


@pytest.mark.system
@pytest.mark.parametrize("has_clock", [True, False])
def test_each_reading_arrives_once_though_power_and_connection_fail(
    programs: dict[str, Path], running_system: SystemInstance, tmp_path: Path, has_clock: bool
) -> None:
    """Most boots end in the middle of a write to flash, and the connection breaks all the time."""
    chance = random.Random(20 + has_clock)
    device_id = f"SC-HOST-{has_clock:d}"
    first_us = int(time.time()) * 1_000_000 - BOOTS * HOUR_US
    told = Told()
    for boot in range(BOOTS):
        is_last = boot == BOOTS - 1
        seed, power_bytes = chance.randrange(2**31), 0 if is_last else chance.randrange(200, 4000)
        base_us = first_us + boot * HOUR_US if has_clock else 0
        arguments = ("127.0.0.1", running_system.public_ports[1], device_id, tmp_path / "flash", seed, 40)
        ended = told.boot([programs["host"], *map(str, (*arguments, power_bytes, base_us))])
    assert ended == 0
    assert told.power_failures >= BOOTS // 2

    arrived = Counter(_stored(running_system, device_id, has_clock))
    assert max(arrived.values()) == 1
    sent = {_measured(reading, has_clock): reading for reading in told.recording}
    assert len(sent) == len(told.recording)
    assert {_measured(reading, has_clock) for reading in told.recorded} <= set(arrived)
    assert set(arrived) <= set(sent)
    versions = running_system.rows("SELECT firmware_version FROM devices WHERE device_id = %s", device_id)
    assert versions == [("1.0.0",)]  # a heartbeat was heard


def _measured(reading: tuple[str, ...], has_clock: bool) -> tuple[float, ...]:
    _, sequence, unix_us, temperature = reading
    return float(temperature), float(sequence), *((int(unix_us),) if has_clock else ())


def _stored(system: SystemInstance, device_id: str, has_clock: bool) -> list[tuple[float, ...]]:
    """What the server has of the device: temperature, level of sound, and the time if the node knew it."""
    rows = system.rows(
        "SELECT temperature_c, audio_level, measured_at FROM readings"
        " WHERE device_id = (SELECT id FROM devices WHERE device_id = %s)",
        device_id,
    )
    return [
        (temperature, level, *((round(moment.timestamp() * 1e6),) if has_clock else ()))
        for temperature, level, moment in rows
    ]
