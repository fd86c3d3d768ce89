"""Bugsink: a tracker of errors that speaks Sentry's protocol, on this machine's loopback.

It has an environment of its own in the data folder (its Django would not suit ours), an SQLite file, and one
process that does not belong to PM2: it is a tool to look with, and nothing depends on it.
"""

import json
import os
import secrets
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from uv import find_uv_bin

from signalcraft.operations import kernel
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import BUGSINK, LOOPBACK

LOCK = Path(__file__).with_name("bugsink.lock")
START_SECONDS = 60
STOP_SECONDS = 15

_CONFIGURATION = """\
# Written by `signalcraft errors up`; changes are lost.
from bugsink.settings.default import *  # noqa

SECRET_KEY = {key!r}
DATABASES["default"]["NAME"] = {folder!r} + "/errors.sqlite3"
DATABASES["snappea"]["NAME"] = {folder!r} + "/tasks.sqlite3"
SNAPPEA = {{"TASK_ALWAYS_EAGER": True}}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
BUGSINK = {{
    "BASE_URL": {url!r},
    "SITE_TITLE": "SignalCraft",
    "SINGLE_USER": True,
    "SINGLE_TEAM": True,
    "PHONEHOME": False,
    "INGEST_STORE_BASE_DIR": {folder!r} + "/ingestion",
}}
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
"""

_FIRST_ROWS = """\
import json
from bsmain.models import AuthToken
from django.contrib.auth import get_user_model
from projects.models import Project
people = get_user_model().objects
if not people.exists():
    people.create_superuser(username="admin", email="", password={password!r})
project, _ = Project.objects.get_or_create(slug="signalcraft", defaults={{"name": "SignalCraft"}})
token = AuthToken.create_full_access().token
print("ROWS " + json.dumps({{"dsn": project.dsn, "token": token, "project": project.id}}))
"""


@dataclass(frozen=True)
class Access:
    """What leads into the tracker: kept in `access.json`, readable by its owner only."""

    url: str
    dsn: str
    token: str
    """For its API (`/api/canonical/0/`)."""
    project: int
    password: str
    """Of the account `admin`."""


class Bugsink:
    """The tracker of one instance."""

    def __init__(self, instance: Instance) -> None:
        self.folder = instance.data_dir / "errors"
        self.url = f"http://{LOOPBACK}:{instance.settings.internal_port_base + BUGSINK}"
        self._bin = self.folder / "venv" / "bin"
        self._access_file = self.folder / "access.json"
        self._pid_file = self.folder / "process"
        self._started: subprocess.Popen[bytes] | None = None

    def up(self) -> Access:
        """Install what is missing, make account and project, and start it.

        Raises
        ------
        OperationsError
            It cannot be installed or does not start; the sentence names the log.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._install()
        access = self.access() or self._make()
        if self.pid() is None:
            self._start()
        return access

    def down(self) -> bool:
        """Stop it; whether it ran."""
        pid = self.pid()
        if pid is None:
            return False
        os.killpg(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.pid() is not None:
            if time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
            time.sleep(0.1)
        if self._started is not None:
            self._started.wait()
        return True

    def pid(self) -> int | None:
        """Of the running tracker. A pid alone could be somebody else's by now, so its start is compared."""
        if not self._pid_file.exists():
            return None
        pid, started = map(int, self._pid_file.read_text().split())
        found = kernel.stat(pid)
        is_same = found is not None and found.start_ticks == started and found.state != "Z"
        return pid if is_same else None

    def access(self) -> Access | None:
        """How to reach it, once `up` has made it."""
        if not self._access_file.exists():
            return None
        return Access(**json.loads(self._access_file.read_text()))

    def _install(self) -> None:
        installed = self.folder / "installed"
        if installed.exists() and installed.read_text() == LOCK.read_text():
            return
        uv, python = find_uv_bin(), str(self._bin / "python")
        self._run([uv, "venv", "--quiet", "--clear", "--python", "3.11", str(self._bin.parent)])
        self._run([uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(LOCK)])
        installed.write_text(LOCK.read_text())

    def _make(self) -> Access:
        configuration = _CONFIGURATION.format(
            key=secrets.token_urlsafe(50), folder=str(self.folder), url=self.url
        )
        _write_private(self.folder / "bugsink_conf.py", configuration)
        manage, password = str(self._bin / "bugsink-manage"), secrets.token_urlsafe(12)
        self._run([manage, "migrate", "-v", "0"])
        self._run([manage, "migrate", "-v", "0", "--database=snappea"])
        # On standard input, because everybody sees the arguments of a command.
        printed = self._run([manage, "shell"], _FIRST_ROWS.format(password=password))
        rows = next(line for line in printed.splitlines() if line.startswith("ROWS "))
        access = Access(url=self.url, password=password, **json.loads(rows.removeprefix("ROWS ")))
        _write_private(self._access_file, json.dumps(access.__dict__))
        return access

    def _start(self) -> None:
        server = f"{self._bin}/gunicorn --bind {self.url.removeprefix('http://')} --workers 1 --threads 4"
        with (self.folder / "bugsink.log").open("a") as log:
            self._started = process = subprocess.Popen(
                [*server.split(), "--no-control-socket", "bugsink.wsgi"],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        found = kernel.stat(process.pid)
        if found is not None:
            _write_private(self._pid_file, f"{process.pid} {found.start_ticks}")
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise OperationsError(f"Bugsink did not start; see {self.folder / 'bugsink.log'}.")
            time.sleep(0.2)

    def is_ready(self) -> bool:
        """Whether it takes reports."""
        try:
            return httpx.get(f"{self.url}/health/ready", trust_env=False, timeout=5).is_success
        except httpx.HTTPError:
            return False

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, "DJANGO_SETTINGS_MODULE": "bugsink_conf", "PYTHONPATH": str(self.folder)}

    def _run(self, command: list[str], given: str = "") -> str:
        environment = os.environ if "uv" in Path(command[0]).name else self._environment()
        done = subprocess.run(
            command, input=given, cwd=self.folder, env=environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise OperationsError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}")
        return done.stdout


def _write_private(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
