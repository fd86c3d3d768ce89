"""Every setting of the system, with its unit and its reason; the only module that reads the environment.

Precedence: process environment, then `.env` in the working folder, then `<data_dir>/instance.env`, which
`signalcraft up` writes once with everything that was generated for this instance (ports, passwords, keys).
"""

import base64
import ipaddress
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DATA_DIR_VARIABLE = "SIGNALCRAFT_DATA_DIR"

Process = Literal["gateway", "api", "link", "worker", "scheduler", "monitor", "backups", "command"]


def _plain(name: str) -> AliasChoices:
    """A setting known to hosting platforms by its bare name (DATABASE_URL), or by field name in code."""
    return AliasChoices(name, name.lower())


class Settings(BaseSettings):
    """Frozen settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="SIGNALCRAFT_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        env_file_encoding="utf-8",
    )

    # --- where this instance lives
    data_dir: Path = Path("var")
    """Folder of everything this instance keeps: databases, sound, logs, generated settings."""
    bind_address: str = "127.0.0.1"
    """Address of the public ports. Loopback until the operator decides to open it (0.0.0.0)."""
    gateway_port: int = Field(3000, ge=1, le=65535)
    """Public port of browsers; deployed field firmware posts features here too."""
    api_port: int = Field(8000, ge=1, le=65535)
    """Public port of nodes; deployed firmware has it burnt in."""
    link_port: int = Field(8080, ge=1, le=65535)
    """Public port of nodes that stay connected (WebSocket); their firmware has it burnt in."""
    internal_port_base: int = Field(13000, ge=1024, le=65400)
    """First of the block of 100 loopback ports of this instance's own processes."""
    colour: Literal["blue", "green"] = "blue"
    """Which of the two releases side by side this process belongs to."""
    process: Process = "command"
    """What this process is, which decides its share of the database; `signalcraft up` sets it."""
    release: str = version("signalcraft")
    """Identifier of the deployed release, shown by /version, logs and Sentry."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    worker_memory_limit_bytes: int = Field(512 * 1024**2, ge=256 * 1024**2)
    """A web worker that has grown past this is replaced. At work it takes a quarter of it; with the links of
    a thousand nodes about half, which is also the least that may be set: below, such a link would be replaced
    again and again."""

    # --- servers it talks to
    database_url: SecretStr = Field(validation_alias=_plain("DATABASE_URL"))
    """postgresql+psycopg://… of the application's role, which reads and writes rows and changes no table."""
    database_owner_url: SecretStr | None = Field(None, validation_alias=_plain("DATABASE_OWNER_URL"))
    """The role that owns the tables: migrations run as it. Unset, the application's role must own them."""
    database_reader_url: SecretStr | None = Field(None, validation_alias=_plain("DATABASE_READER_URL"))
    """The role that only reads, for Grafana and the like; SignalCraft makes it and never uses it."""
    database_replica_url: SecretStr | None = Field(None, validation_alias=_plain("DATABASE_REPLICA_URL"))
    """A streaming replica for what screens read; the application's role there too."""
    replica_lag_limit_seconds: float = Field(5.0, gt=0)
    """A replica further behind is not read from: a person would miss what they have just done."""
    database_ca_file: str = Field("", validation_alias=AliasChoices("DATABASE_CA_FILE", "database_ca_file"))
    """Certificates that an outside server's must be signed by; empty means those of the system."""
    database_pooler: bool = False
    """Set where DATABASE_URL leads through PgBouncer in transaction mode."""
    redis_url: SecretStr = Field(validation_alias=_plain("REDIS_URL"))
    """redis://… of Redis or Valkey: queue, event fan-out. May be emptied at any time."""
    object_store_url: str = Field("", validation_alias=_plain("OBJECT_STORE_URL"))
    """file:///… or s3://bucket/prefix for sound; empty means `<data_dir>/objects`."""
    sentry_dsn: SecretStr | None = Field(None, validation_alias=_plain("SENTRY_DSN"))
    """Where errors are reported; nothing leaves the machine while it is unset."""
    environment: str = "production"
    """What reports of errors are filed under, where several instances report to one tracker."""
    traces_sample_rate: float = Field(0.01, ge=0, le=1)
    """Share of requests that are traced, through proxy, queue and worker. One in a hundred costs nothing that
    can be measured and shows every slow route within a day."""
    database_pool_size: int | None = Field(None, ge=1, le=50)
    """Connections that one process keeps, in place of the number for its kind (`db/limits.py`)."""
    database_pool_overflow: int | None = Field(None, ge=0, le=50)
    """Connections that one process may open above these for a burst, likewise."""

    # --- accounts
    token_signing_key: SecretStr
    """Base64 of the Ed25519 private key (PKCS 8 PEM) from which refresh tokens are derived, and which signs
    access tokens until `signalcraft keys rotate` puts the next one into the data folder. No default."""
    encryption_keys: SecretStr
    """Keys of 32 bytes in URL-safe Base64, separated by commas, for what must be read again (the secrets of
    second factors): the first encrypts, all of them decrypt. Has no default on purpose."""
    access_token_seconds: int = Field(900, ge=60, le=3600)
    """15 minutes: how long a stolen access token is of use."""
    refresh_token_days: int = Field(30, ge=1, le=365)
    """How long somebody who does not come back stays signed in."""
    session_days: int = Field(90, ge=1, le=730)
    """How long a session lasts at most, however often it is used."""
    kakao_client_id: str = ""
    """REST API key of the app at developers.kakao.com; empty, nobody signs in with Kakao."""
    kakao_client_secret: SecretStr | None = None
    """Client secret of that app."""
    kakao_issuer: str = "https://kauth.kakao.com"
    """OpenID provider whose discovery document is asked; another one only in tests."""
    cookie_secure: bool = False
    """Set where TLS ends in front of us; a Secure cookie on plain HTTP would never come back."""
    old_password_salt: SecretStr | None = None
    """What the server before this one put behind every password of its dashboard's users before SHA-256. It
    stands in that server's source; only people moved from there who have not signed in since need it."""
    trusted_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated origins, besides our own, that browsers may call from."""

    # --- mail
    public_url: str = ""
    """Origin under which people reach this instance, for links in mail: never taken from a request, whose
    Host header anybody may write. Empty means `http://localhost:<gateway_port>`."""
    smtp_url: SecretStr | None = None
    """smtp://user:password@host:587 (STARTTLS) or smtps://…:465 of the server that takes our mail, with
    percent-encoded user and password; unset, mail becomes `.eml` files in `<data_dir>/mail`."""
    mail_from: str = "SignalCraft <signalcraft@localhost>"
    """Sender of our mail: a name and an address that the mail server lets us use."""

    # --- telling the operator
    operator_mail: str = ""
    """Address that alerts about the system itself go to; empty, none are mailed."""
    operator_language: Literal["ko", "en"] = "ko"
    """Of that mail."""
    operator_webhook_url: SecretStr | None = None
    """https://… that alerts are posted to; the address itself is a secret with many services."""
    operator_webhook_secret: SecretStr | None = None
    """`whsec_` and Base64 of 24 to 64 bytes: what is posted is signed with it (Standard Webhooks)."""
    operator_reminder_hours: float = Field(24.0, gt=0)
    """What lasts is told again after this long: a day, or it would be forgotten, or be noise."""
    heartbeat_url: SecretStr | None = None
    """https://… asked for each minute while all is well enough; whoever waits there notices when this machine
    cannot tell anybody anything."""

    # --- limits on what comes in
    upload_limit_bytes: int = Field(32 * 1024 * 1024, ge=1024)
    """Largest sound upload: 5 minutes of 48 kHz stereo WAV is 58 MB, of AAC 5 MB; 10 MB was the old limit."""
    pcm_limit_bytes: int = Field(8 * 1024 * 1024, ge=2048)
    """Largest raw clip of a node: 87 s at 48 kHz, 16 bits."""
    json_limit_bytes: int = Field(256 * 1024, ge=1024)
    """Largest JSON document: a node's buffer is 1 KiB, a feature message 2 KiB."""
    batch_limit_bytes: int = Field(2 * 1024 * 1024, ge=1024)
    """Largest batch of readings, also once inflated: 5,000 of them take 1 MB of JSON."""
    clip_limit_seconds: float = Field(300.0, gt=0)
    """Longest sound that is analysed: memory of one analysis stays under 100 MB."""
    unclaimed_devices_limit: int = Field(500, ge=0)
    """How many devices nobody has claimed may exist; a flood of invented ids ends here."""

    rate_limits: str = ""
    """Quotas in place of the defaults, like `sign_in=10/minute;ingest=5000/second` (docs/limits.md)."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated addresses or networks whose word on the client's address is taken: a TLS terminator in
    front of us. Nobody's by default."""
    # --- firmware of nodes
    firmware_public_keys: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated, base64 of the raw Ed25519 public keys (32 bytes) that images must be signed with; more
    than one while a key is replaced. Without any no image is taken: a node that loads one obeys it for good.
    """
    firmware_limit_bytes: int = Field(4 * 1024 * 1024, ge=1024)
    """Largest firmware image: an ESP32 with two slots in 8 MB of flash has room for less than 4 MB."""

    # --- acoustics
    baseline_clips: int = Field(60, ge=20, le=10_000)
    """Healthy clips before a machine has its first baseline: 60 were enough in the published trials."""
    fragment_clip_seconds: float = Field(10.0, ge=1.0)
    """Old firmware sends 64 ms pieces; they are joined until they make a clip this long."""
    fragment_wait_seconds: float = Field(900.0, ge=1.0)
    """… or until the first piece is this old: at one piece every 30 s that is 1.9 s of sound."""

    # --- how long readings are kept
    raw_retention_days: int = Field(30, ge=2)
    """Every single reading: long enough to look into what led to a failure. Longer until rolled up."""
    minute_retention_days: int = Field(365, ge=31)
    """Minutes: a year, to compare a summer with the last one. Hours and days are kept for ever."""
    record_retention_days: int = Field(90, ge=15)
    """Excursions that are over and commands that are finished: a season, to see what a machine does again and
    again. Screens look back two weeks."""

    # --- backups
    backup_url: str = ""
    """file:///… or s3://bucket/prefix; empty means `<data_dir>/backups`, which dies with the disk."""
    backup_recipients: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated public keys of age (`age1…`) that backups are encrypted to; the private keys stay with
    the operator, elsewhere. Empty: not encrypted."""
    backup_interval_hours: float = Field(24.0, ge=0)
    """A backup is made when the newest trusted one is this old: a restore then replays a day of log. 0: only
    by hand."""
    backup_keep_days: int = Field(14, ge=1)
    """How far back a restore reaches: damage is rarely noticed later. Three are always kept."""
    backup_log_limit_bytes: int = Field(2 * 1024**3, ge=64 * 1024**2)
    """What the database's log may take on this disk while it cannot be shipped: hours of a busy system."""

    # --- live events
    stream_heartbeat_seconds: float = Field(15.0, gt=0)
    """A comment line this often keeps proxies and phones from closing an idle stream."""
    stream_age_seconds: float = Field(600.0, gt=0)
    """A stream ends after this long and resumes by id, so that old processes can be drained."""
    event_retention_days: int = Field(7, ge=1)
    """How long a client may be away and still resume without reloading."""

    @field_validator("firmware_public_keys")
    @classmethod
    def _ed25519(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            if len(base64.b64decode(key, validate=True)) != 32:
                raise ValueError("an Ed25519 public key is 32 bytes in base64")
        return value

    @field_validator(
        "trusted_origins", "trusted_proxies", "firmware_public_keys", "backup_recipients", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("trusted_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+", origin):
                raise ValueError(f"{origin!r} is no origin; write scheme and host, like https://shop.example")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(network)) for network in value)

    @field_validator("backup_recipients")
    @classmethod
    def _age(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            if not re.fullmatch(r"age1[02-9ac-hj-np-z]{58}", key):
                raise ValueError(f"{key!r} is no public key of age; `age-keygen` shows one, age1…")
        return value

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+", value):
            raise ValueError(f"{value!r} is no origin; write scheme and host, like https://shop.example")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"smtps?://[^/\s]+", value.get_secret_value()):
            raise ValueError("expected smtp://user:password@host:587 or smtps://user:password@host:465")
        return value

    @field_validator("operator_webhook_url", "heartbeat_url")
    @classmethod
    def _called(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"https?://[^\s]+", value.get_secret_value()):
            raise ValueError("expected an address that begins with https:// or http://")
        return value

    @field_validator("operator_webhook_secret")
    @classmethod
    def _signing(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            encoded = value.get_secret_value().removeprefix("whsec_")
            if not 24 <= len(base64.b64decode(encoded, validate=True)) <= 64:
                raise ValueError("expected whsec_ and 24 to 64 bytes in Base64")
        return value

    @field_validator("operator_mail")
    @classmethod
    def _recipient(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^<>@\s]+@[^<>@\s]+", value):
            raise ValueError(f"{value!r} is no address, like operator@shop.example")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        if not re.fullmatch(r"[^<>\r\n]*<[^<>@\s]+@[^<>@\s]+>", value):
            raise ValueError("expected a name and an address, like SignalCraft <mail@shop.example>")
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def public_origin(self) -> str:
        return self.public_url or f"http://localhost:{self.gateway_port}"

    @property
    def instance_file(self) -> Path:
        return self.data_dir / "instance.env"

    @property
    def objects_url(self) -> str:
        return self.object_store_url or (self.data_dir / "objects").as_uri()

    @property
    def backups_url(self) -> str:
        return self.backup_url or (self.data_dir / "backups").as_uri()


def data_dir() -> Path:
    """The instance's folder, known before any other setting is: from the environment, else from `.env`."""
    named = os.environ.get(DATA_DIR_VARIABLE) or dotenv_values(".env").get(DATA_DIR_VARIABLE)
    return Path(named or "var").expanduser().absolute()


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process.

    Raises
    ------
    pydantic.ValidationError
        A required setting is missing or a value is out of range.
    """
    generated = data_dir() / "instance.env"
    return _of_one_server(Settings(_env_file=(generated, ".env")), dotenv_values(generated))


def _of_one_server(settings: Settings, generated: Mapping[str, str | None]) -> Settings:
    """The settings without roles that were generated for the embedded server, if another one is used."""
    if settings.database_url.get_secret_value() == generated.get("DATABASE_URL"):
        return settings
    named = {"database_owner_url": "DATABASE_OWNER_URL", "database_reader_url": "DATABASE_READER_URL"}
    strange = {
        field: None
        for field, name in named.items()
        if (value := getattr(settings, field)) is not None and value.get_secret_value() == generated.get(name)
    }
    return settings.model_copy(update=strange)
