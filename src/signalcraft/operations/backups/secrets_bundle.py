"""Keys and settings: a tar file of what the data folder and `.env` hold of them, and taking it over again."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from signalcraft.operations.instance import Instance

_OF_THIS_PLACE = (
    "SIGNALCRAFT_INTERNAL_PORT_BASE",
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_READER_URL",
    "REDIS_URL",
)
"""Ports and passwords of the servers here: the restored database gets the passwords of where it is."""


def pack(instance: Instance) -> bytes:
    """`instance.env`, the folder `keys` and the `.env` of the working folder."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for path, name in (
            (instance.settings.instance_file, "instance.env"),
            (instance.data_dir / "keys", "keys"),
            (Path(".env").absolute(), "dotenv"),
        ):
            if path.exists():
                tar.add(path, name)
    return sink.getvalue()


def take_over(data: bytes, instance: Instance) -> Path | None:
    """Put keys and generated settings in force here; where the former `.env` now lies, if there was one."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = {member.name for member in tar.getmembers()}
        tar.extractall(
            instance.data_dir, [m for m in tar.getmembers() if m.name.startswith("keys")], filter="data"
        )
        former = _read(tar, "instance.env")
        file = instance.settings.instance_file
        merged = {**_lines(former), **_kept(_lines(file.read_text()))}
        text = "# Restored from a backup. Keep it: the passwords and keys are nowhere else.\n"
        part = file.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(text + "".join(f"{name}={value}\n" for name, value in merged.items()))
        part.replace(file)
        if "dotenv" not in members:
            return None
        restored = instance.data_dir / "restored.env"
        restored.touch(mode=0o600)
        restored.write_text(_read(tar, "dotenv"))
        return restored


def _read(tar: tarfile.TarFile, name: str) -> str:
    member = tar.extractfile(name)
    return member.read().decode() if member else ""


def _lines(text: str) -> dict[str, str]:
    lines = [line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#")]
    return dict(lines)


def _kept(present: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in present.items() if name in _OF_THIS_PLACE}
