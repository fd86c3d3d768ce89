"""One instance of SignalCraft on this machine: its folder, and what was generated at its first start.

`instance.env` in the data folder holds the generated ports, passwords and keys. Lines are added when a
setting turns out to be given nowhere; a line that exists is never changed.
"""

import base64
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from signalcraft.operations.errors import OperationsError
from signalcraft.operations.ports import LOOPBACK, POSTGRES, VALKEY, free_block
from signalcraft.ratelimits.policy import read_overrides
from signalcraft.settings import Settings, data_dir, get_settings

_PORT_BASE = "SIGNALCRAFT_INTERNAL_PORT_BASE"
_GATEWAY = "SIGNALCRAFT_GATEWAY_PORT"
_API = "SIGNALCRAFT_API_PORT"
_LINK = "SIGNALCRAFT_LINK_PORT"
_DATABASE = "DATABASE_URL"
_OWNER = "DATABASE_OWNER_URL"
_READER = "DATABASE_READER_URL"
_REDIS = "REDIS_URL"
_SIGNING_KEY = "SIGNALCRAFT_TOKEN_SIGNING_KEY"
_ENCRYPTION_KEYS = "SIGNALCRAFT_ENCRYPTION_KEYS"
_FIELDS = {
    _DATABASE: "database_url",
    _REDIS: "redis_url",
    _SIGNING_KEY: "token_signing_key",
    _ENCRYPTION_KEYS: "encryption_keys",
}

_SOCKET_PATH_LIMIT = 107
"""Bytes that Linux has for the path of a Unix socket."""


@dataclass(frozen=True)
class Instance:
    """The settings in force, which servers the instance brings itself, and where its things are."""

    settings: Settings
    embeds_postgres: bool
    embeds_valkey: bool

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    @property
    def run_dir(self) -> Path:
        """Sockets and the records of running sessions."""
        return self.data_dir / "run"

    @property
    def logs_dir(self) -> Path:
        return self.data_dir / "logs"

    @property
    def proxy_dir(self) -> Path:
        return self.data_dir / "proxy"

    @property
    def postgres_dir(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def spool_dir(self) -> Path:
        """Where PostgreSQL leaves files of its write-ahead log until they are shipped to the backups."""
        return self.data_dir / "wal-spool"

    @property
    def valkey_dir(self) -> Path:
        return self.data_dir / "valkey"

    @property
    def pm2_home(self) -> Path:
        return self.data_dir / "pm2"

    @property
    def ecosystem_file(self) -> Path:
        return self.data_dir / "ecosystem.config.cjs"

    def make_folders(self) -> None:
        for folder in (self.run_dir, self.logs_dir, self.proxy_dir, self.valkey_dir, self.pm2_home):
            folder.mkdir(mode=0o700, exist_ok=True)


def exists() -> bool:
    """Whether this instance was ever started."""
    return (data_dir() / "instance.env").exists()


def load() -> Instance:
    """The instance as it is.

    Raises
    ------
    OperationsError
        It was never started here, or a setting is wrong.
    """
    try:
        settings = get_settings()
    except ValidationError as error:
        if not exists():
            raise OperationsError(
                f"There is no instance in {data_dir()}. Start one with `make up`,"
                " or name its folder in SIGNALCRAFT_DATA_DIR."
            ) from None
        raise OperationsError(_sentence(error)) from None
    except PermissionError as error:
        raise OperationsError(_unreadable(error)) from None
    try:
        read_overrides(settings.rate_limits)
    except ValueError as error:
        raise OperationsError(str(error)) from None
    generated = _read(settings.instance_file)
    return Instance(
        settings=settings,
        embeds_postgres=settings.database_url.get_secret_value() == generated.get(_DATABASE),
        embeds_valkey=settings.redis_url.get_secret_value() == generated.get(_REDIS),
    )


def make() -> Instance:
    """The instance, with everything generated that is given nowhere. The data folder exists already."""
    folder = data_dir()
    _check_socket_paths(folder)
    file = folder / "instance.env"
    is_new = not file.exists()
    if is_new:
        _append(file, {_PORT_BASE: str(free_block(folder))})
    if missing := _missing_settings():
        _append(file, _generate(missing, _internal_port_base(folder)))
    get_settings.cache_clear()
    instance = load()
    if instance.embeds_postgres and (absent := _missing_roles(instance.settings)):
        # Of an instance that was made before there were three roles, too.
        _append(file, _generate(absent, instance.settings.internal_port_base))
        get_settings.cache_clear()
        instance = load()
    if is_new:
        # Later commands find the instance by its folder alone, without the ports in their environment.
        settings = instance.settings
        public = {_GATEWAY: settings.gateway_port, _API: settings.api_port, _LINK: settings.link_port}
        _append(file, {name: str(port) for name, port in public.items()})
    instance.make_folders()
    return instance


def set_sentry_dsn(here: Instance, dsn: str) -> None:
    """Write down where errors are reported, from the next `signalcraft up` on."""
    if here.settings.sentry_dsn is None:
        _append(here.settings.instance_file, {"SENTRY_DSN": dsn})
        get_settings.cache_clear()


def _missing_settings() -> list[str]:
    get_settings.cache_clear()
    try:
        get_settings()
    except ValidationError as error:
        missing = {str(e["loc"][0]).lower() for e in error.errors() if e["type"] == "missing"}
        if len(missing) < error.error_count():
            raise OperationsError(_sentence(error)) from None
        return [name for name, field in _FIELDS.items() if missing & {name.lower(), field}]
    except PermissionError as error:
        raise OperationsError(_unreadable(error)) from None
    return []


def _missing_roles(settings: Settings) -> list[str]:
    given = {_OWNER: settings.database_owner_url, _READER: settings.database_reader_url}
    return [name for name, url in given.items() if url is None]


def _internal_port_base(folder: Path) -> int:
    """The port base in force before the settings are complete."""
    given = dict.fromkeys(_FIELDS.values(), "unknown yet")
    files = (folder / "instance.env", ".env")
    return Settings(_env_file=files, **given).internal_port_base  # type: ignore[arg-type]


def _generate(missing: list[str], base: int) -> dict[str, str]:
    def url(scheme: str, user: str, port: int, name: str) -> str:
        return f"{scheme}://{user}:{secrets.token_urlsafe(24)}@{LOOPBACK}:{port}/{name}"

    def database_url(role: str) -> str:
        return url("postgresql+psycopg", role, base + POSTGRES, "signalcraft")

    makers = {
        _DATABASE: lambda: database_url("signalcraft"),
        _OWNER: lambda: database_url("signalcraft_owner"),
        _READER: lambda: database_url("signalcraft_reader"),
        _REDIS: lambda: url("redis", "", base + VALKEY, "0"),
        _SIGNING_KEY: _signing_key,
        _ENCRYPTION_KEYS: _encryption_key,
    }
    return {name: makers[name]() for name in missing}


def _signing_key() -> str:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(pem).decode()


def _encryption_key() -> str:
    return Fernet.generate_key().decode()


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    lines = file.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _append(file: Path, values: dict[str, str]) -> None:
    header = (
        ""
        if file.exists()
        else "# Generated for this instance at its first start. Keep it: the passwords are nowhere else.\n"
    )
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as out:
        out.write(header + "".join(f"{name}={value}\n" for name, value in values.items()))
        out.flush()
        os.fsync(out.fileno())


def _check_socket_paths(folder: Path) -> None:
    longest = max(
        (folder / "pm2" / "interactor.sock", folder / "run" / ".s.PGSQL.00000"), key=lambda p: len(bytes(p))
    )
    if len(bytes(longest)) > _SOCKET_PATH_LIMIT:
        raise OperationsError(
            f"The data folder's path is too long: {longest} has more than the {_SOCKET_PATH_LIMIT} bytes"
            " that a Unix socket may have."
            " Set SIGNALCRAFT_DATA_DIR to a folder with a shorter path."
        )


def _sentence(error: ValidationError) -> str:
    """Every wrong setting with its reason, without the value (it may be a secret)."""
    reasons = [f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()]
    return "A setting is not usable. " + "; ".join(reasons) + "."


def _unreadable(error: PermissionError) -> str:
    return (
        f"{error.filename} cannot be read by the account that runs SignalCraft."
        f" Give it access, for example: chgrp signalcraft {error.filename} && chmod 640 {error.filename}"
    )
