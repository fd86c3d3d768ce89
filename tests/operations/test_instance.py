"""What is generated for an instance, once."""

import base64
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from signalcraft.operations import instance, ports
from signalcraft.operations.errors import OperationsError


def test_everything_missing_is_generated_once(data_dir: Path) -> None:
    first = instance.make()
    file = data_dir / "instance.env"
    written = file.read_text()

    assert first.embeds_postgres
    assert first.embeds_valkey
    assert file.stat().st_mode & 0o777 == 0o600
    base = first.settings.internal_port_base
    assert f"@127.0.0.1:{base + 32}/signalcraft" in first.settings.database_url.get_secret_value()
    assert f"@127.0.0.1:{base + 79}/0" in first.settings.redis_url.get_secret_value()
    pem = base64.b64decode(first.settings.token_signing_key.get_secret_value())
    assert isinstance(load_pem_private_key(pem, password=None), Ed25519PrivateKey)

    assert instance.make() == first
    assert file.read_text() == written


def test_a_server_given_from_outside_is_neither_generated_nor_brought(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("DATABASE_URL=postgresql+psycopg://elsewhere/db\n")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/0")
    made = instance.make()
    assert not made.embeds_postgres
    assert not made.embeds_valkey
    assert "URL" not in (data_dir / "instance.env").read_text()

    # Once it is given no longer, a line is added and the others stay.
    monkeypatch.delenv("REDIS_URL")
    before = (data_dir / "instance.env").read_text()
    assert instance.make().embeds_valkey
    assert (data_dir / "instance.env").read_text().startswith(before)


def test_a_wrong_setting_is_named_without_its_value(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALCRAFT_GATEWAY_PORT", "70001")
    with pytest.raises(OperationsError, match="GATEWAY_PORT") as caught:
        instance.make()
    assert "70001" not in str(caught.value)


def test_a_path_too_long_for_sockets_is_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalcraft.operations.instance._SOCKET_PATH_LIMIT", len(bytes(data_dir)) + 10)
    with pytest.raises(OperationsError, match="too long"):
        instance.make()
    assert list(data_dir.iterdir()) == []


def test_the_block_of_ports_avoids_one_in_use(tmp_path: Path) -> None:
    first = ports.free_block(tmp_path)
    assert ports.free_block(tmp_path) == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first + ports.VALKEY))
        assert ports.free_block(tmp_path) != first


def test_commands_say_that_there_is_no_instance(data_dir: Path) -> None:
    # In processes of their own: as root they might give up rights that the other tests need.
    program = Path(sys.prefix) / "bin" / "signalcraft"
    status = subprocess.run([program, "status"], capture_output=True, text=True)
    assert status.returncode == 1
    assert "There is no instance in" in status.stderr
    assert subprocess.run([program, "down"], capture_output=True).returncode == 0
