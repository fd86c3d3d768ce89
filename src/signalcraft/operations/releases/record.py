"""The record of deployments: a line each in a file, because one that broke the database must be on record."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from signalcraft.operations.colours import Release
from signalcraft.operations.instance import Instance
from signalcraft.operations.releases.canary import Step

Kind = Literal["deploy", "rollback"]
Outcome = Literal["deployed", "rolled back on request", "rolled back by itself", "failed"]
"""`failed`: it could not be built, or its code did not even begin; nothing that runs was touched."""

SUCCEEDED: Mapping[Kind, Outcome] = {"deploy": "deployed", "rollback": "rolled back on request"}


@dataclass(frozen=True)
class Check:
    """One thing that was tried on the new release before any traffic reached it."""

    name: str
    ok: bool
    seconds: float
    detail: str = ""


@dataclass(frozen=True)
class Deployment:
    """One line of the record."""

    id: str
    kind: Kind
    release: str
    """Id of the release that came."""
    version: str
    """What its processes call themselves: version and digest of the code. Empty where it never began."""
    source: str
    by: str
    """The account that ran the command."""
    began_at: str
    """UTC, ISO 8601."""
    seconds: float
    """The whole of it."""
    build_seconds: float
    """Its beginning, while nothing but the release's own folder was touched."""
    outcome: Outcome
    reason: str | None = None
    colour: str | None = None
    replaced: dict[str, str] | None = None
    """The release that ran before: `id`, `folder`, `python`."""
    checks: list[Check] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    """What each step of the traffic showed."""

    @property
    def former(self) -> Release | None:
        """The release that ran before, if it is still on this machine."""
        if self.replaced is None:
            return None
        release = Release(self.replaced["id"], Path(self.replaced["folder"]), Path(self.replaced["python"]))
        return release if release.python.exists() else None


def document_of(release: Release) -> dict[str, str]:
    """What `Deployment.replaced` holds."""
    return {"id": release.id, "folder": str(release.folder), "python": str(release.python)}


def releases_dir(instance: Instance) -> Path:
    """Where releases are built, and their record lies."""
    folder = instance.data_dir / "releases"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def deployments(instance: Instance) -> list[Deployment]:
    """The record, oldest first."""
    try:
        lines = _file(instance).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [read(line) for line in lines]


def write(made: Deployment) -> str:
    """As one line."""
    return json.dumps(asdict(made), ensure_ascii=False) + "\n"


def read(line: str) -> Deployment:
    """A line of this release or another one: what is not known is left out."""
    document: dict[str, Any] = json.loads(line)
    values = {each.name: document[each.name] for each in fields(Deployment) if each.name in document}
    values["checks"] = [Check(**check) for check in values.get("checks", [])]
    values["steps"] = [Step.read(step) for step in values.get("steps", [])]
    return Deployment(**values)


def append(instance: Instance, made: Deployment) -> None:
    """Add a line, for good: after a power cut it is there."""
    releases_dir(instance)
    with _file(instance).open("a", encoding="utf-8") as file:
        file.write(write(made))
        file.flush()
        os.fsync(file.fileno())


def to_go_back_to(record: list[Deployment], running: Release) -> Release | None:
    """The release that the running one took the place of; None if it is the first, or the other is gone."""
    for made in reversed(record):
        if made.outcome == "deployed" and made.release == running.id:
            return made.former
    return None


def _file(instance: Instance) -> Path:
    return instance.data_dir / "releases" / "deployments.jsonl"
