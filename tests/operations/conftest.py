"""An instance of its own for each test: a data folder, free ports, nothing started."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from signalcraft.operations import instance
from signalcraft.operations.instance import Instance
from signalcraft.settings import get_settings
from system_instance import PublicPorts, free_ports


@pytest.fixture
def public_ports() -> PublicPorts:
    return free_ports()


@pytest.fixture
def data_dir(tmp_path: Path, public_ports: PublicPorts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder, with nothing of SignalCraft in the environment or the working folder."""
    for name in os.environ:
        if name.startswith("SIGNALCRAFT_") or name.endswith("_URL"):
            monkeypatch.delenv(name)
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGNALCRAFT_DATA_DIR", str(folder))
    monkeypatch.setenv("SIGNALCRAFT_GATEWAY_PORT", str(public_ports[0]))
    monkeypatch.setenv("SIGNALCRAFT_API_PORT", str(public_ports[1]))
    monkeypatch.setenv("SIGNALCRAFT_LINK_PORT", str(public_ports[2]))
    monkeypatch.setattr(
        "signalcraft.operations.instance._SOCKET_PATH_LIMIT", 500
    )  # pytest's folders are long
    get_settings.cache_clear()
    yield folder
    get_settings.cache_clear()


@pytest.fixture
def made(data_dir: Path) -> Instance:
    return instance.make()
