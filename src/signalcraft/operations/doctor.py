"""Weak or missing settings of an instance, each with what to do about it; nothing is changed."""

import base64
import binascii
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import httpx
import psycopg
import redis
from alembic.script import ScriptDirectory
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url

from signalcraft.clock import utc_now
from signalcraft.db import migrate
from signalcraft.db.connection import libpq_parameters, owner_url
from signalcraft.operations.backups import health
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import LOOPBACK, is_free

WAIT_SECONDS = 3
CLOCK_LIMIT = timedelta(seconds=5)
"""Codes of second factors change each 30 s and tokens are good for 15 minutes."""
SHORTEST_PASSWORD = 16
"""Characters of a database's or Redis's password that a program keeps, so it need not be memorable."""
_KEY_BYTES = 32
LEAST_FREE_BYTES = 1024**3
"""Less is gone in minutes once a backup or a busy day begins; the database stops when nothing is left."""

Weight = Literal["danger", "advice"]


@dataclass(frozen=True)
class Finding:
    """One thing to mend (`danger`) or to consider (`advice`), about a setting or a file."""

    weight: Weight
    subject: str
    en: str
    ko: str


def examine(instance: Instance) -> list[Finding]:
    """Everything that is found, dangers first."""
    found = [finding for check in _CHECKS for finding in check(instance)]
    return sorted(found, key=lambda finding: finding.weight, reverse=True)


def _danger(subject: str, en: str, ko: str) -> Finding:
    return Finding("danger", subject, en, ko)


def _advice(subject: str, en: str, ko: str) -> Finding:
    return Finding("advice", subject, en, ko)


def _keys(instance: Instance) -> Iterator[Finding]:
    settings = instance.settings
    try:
        load_pem_private_key(
            base64.b64decode(settings.token_signing_key.get_secret_value(), validate=True), None
        )
    except (ValueError, TypeError, binascii.Error):
        yield _danger(
            "SIGNALCRAFT_TOKEN_SIGNING_KEY",
            "It is no private key. Remove the line, and the next `signalcraft up` makes one.",
            "개인 키가 아닙니다. 그 줄을 지우면 다음 `signalcraft up`이 새로 만듭니다.",
        )
    for key in settings.encryption_keys.get_secret_value().split(","):
        if not _is_strong(key.strip()):
            yield _danger(
                "SIGNALCRAFT_ENCRYPTION_KEYS",
                "A key is not 32 random bytes in URL-safe Base64. Put a good one in front of it.",
                "키가 URL-safe Base64로 쓴 임의의 32바이트가 아닙니다. 올바른 키를 앞에 추가하세요.",
            )


def _is_strong(key: str) -> bool:
    try:
        data = base64.urlsafe_b64decode(key.encode())
    except (ValueError, binascii.Error):
        return False
    # 32 random bytes hold some 30 different ones; fewer than 16 were typed by somebody.
    return len(data) == _KEY_BYTES and len(set(data)) >= _KEY_BYTES // 2


def _passwords(instance: Instance) -> Iterator[Finding]:
    settings = instance.settings
    for name, url in (
        ("DATABASE_URL", settings.database_url),
        ("DATABASE_OWNER_URL", settings.database_owner_url),
        ("DATABASE_READER_URL", settings.database_reader_url),
        ("REDIS_URL", settings.redis_url),
    ):
        if url is not None and len(_url(url).password or "") < SHORTEST_PASSWORD:
            yield _danger(
                name,
                f"The password is missing or shorter than {SHORTEST_PASSWORD} characters. Set a random one.",
                f"비밀번호가 없거나 {SHORTEST_PASSWORD}자보다 짧습니다. 임의의 값으로 정하세요.",
            )


def _url(secret: SecretStr) -> URL:
    return make_url(secret.get_secret_value())


def _transport(instance: Instance) -> Iterator[Finding]:
    settings = instance.settings
    is_open = settings.bind_address not in {LOOPBACK, "::1", "localhost"}
    if is_open and not settings.cookie_secure:
        yield _danger(
            "SIGNALCRAFT_COOKIE_SECURE",
            "The ports are open and sessions travel unencrypted. Put TLS in front, then set it to true.",
            "포트가 열려 있고 세션이 암호화되지 않습니다. 앞에 TLS를 두고 true로 설정하세요.",
        )
    if settings.cookie_secure and not settings.trusted_proxies:
        yield _advice(
            "SIGNALCRAFT_TRUSTED_PROXIES",
            "TLS ends in front of us: name that machine, or all clients count as one address.",
            "TLS가 앞에서 끝납니다. 그 장비를 지정하지 않으면 모든 클라이언트가 한 주소로 계산됩니다.",
        )
    if settings.cookie_secure and not settings.public_url.startswith("https://"):
        yield _danger(
            "SIGNALCRAFT_PUBLIC_URL",
            "Links in mails do not lead through TLS. Set it to the https:// address that people open.",
            "메일의 링크가 TLS를 거치지 않습니다. 사람들이 여는 https:// 주소로 설정하세요.",
        )
    for origin in settings.trusted_origins:
        if origin.startswith("http://") and not origin.startswith("http://localhost"):
            yield _danger(
                "SIGNALCRAFT_TRUSTED_ORIGINS",
                f"{origin} can be forged by anybody on the way. Use https:// or remove it.",
                f"{origin}은(는) 중간에서 위조될 수 있습니다. https://를 쓰거나 지우세요.",
            )


def _settings(instance: Instance) -> Iterator[Finding]:
    settings = instance.settings
    if settings.log_level == "DEBUG":
        yield _danger(
            "SIGNALCRAFT_LOG_LEVEL",
            "DEBUG writes what requests hold into the logs. Set INFO.",
            "DEBUG는 요청 내용을 로그에 남깁니다. INFO로 설정하세요.",
        )
    if settings.smtp_url is None:
        yield _advice(
            "SIGNALCRAFT_SMTP_URL",
            f"Mails become files in {settings.data_dir / 'mail'}: nobody can confirm an address or get a new"
            " password by themselves.",
            f"메일이 {settings.data_dir / 'mail'}에 파일로 남아, 주소 확인과 비밀번호 찾기를 할 수 없습니다.",
        )
    if settings.old_password_salt is not None:
        yield _advice(
            "SIGNALCRAFT_OLD_PASSWORD_SALT",
            "Remove it once everybody who was moved from the old server has signed in.",
            "이전 서버에서 옮긴 사람이 모두 로그인했으면 지우세요.",
        )


def _files(instance: Instance) -> Iterator[Finding]:
    for file in (instance.settings.instance_file, Path(".env").absolute(), instance.data_dir / "keys"):
        if file.exists() and stat.S_IMODE(file.stat().st_mode) & (stat.S_IRWXO | stat.S_IWGRP):
            yield _danger(
                str(file),
                "Others may read or change it, and it holds secrets. Run: chmod o=,g-w on it.",
                "다른 사용자가 비밀이 담긴 이 파일을 읽거나 바꿀 수 있습니다. chmod o=,g-w 를 실행하세요.",
            )


def _ports(instance: Instance) -> Iterator[Finding]:
    settings = instance.settings
    for name, port in (
        ("SIGNALCRAFT_GATEWAY_PORT", settings.gateway_port),
        ("SIGNALCRAFT_API_PORT", settings.api_port),
        ("SIGNALCRAFT_LINK_PORT", settings.link_port),
    ):
        if not is_free(settings.bind_address, port) and not _is_ours(settings.bind_address, port):
            yield _danger(
                name,
                f"Another program listens on port {port}. Stop it or choose another port.",
                f"다른 프로그램이 {port}번 포트를 쓰고 있습니다. 멈추거나 다른 포트를 고르세요.",
            )


def _is_ours(address: str, port: int) -> bool:
    host = LOOPBACK if address in {"0.0.0.0", "::"} else address  # noqa: S104  # compared, not bound
    try:
        answer = httpx.get(f"http://{host}:{port}/live", timeout=WAIT_SECONDS, trust_env=False)
    except httpx.HTTPError:
        return False
    # While the tiers start, the proxy answers in their place, with its own problem document.
    return "X-Request-ID" in answer.headers


def _database(instance: Instance) -> Iterator[Finding]:
    url = _url(instance.settings.database_url).set(drivername="postgresql")
    try:
        with psycopg.connect(
            url.render_as_string(hide_password=False), connect_timeout=WAIT_SECONDS, autocommit=True
        ) as connection:
            row = connection.execute(
                "SELECT clock_timestamp(), rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls,"
                " has_schema_privilege(current_user, 'public', 'CREATE')"
                " FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.OperationalError:
        yield _danger(
            "DATABASE_URL",
            "The database does not answer. Start SignalCraft with `signalcraft up`, or look at the server.",
            "데이터베이스가 응답하지 않습니다. `signalcraft up`으로 시작하거나 서버를 확인하세요.",
        )
        return
    if row is None:
        return
    server_time, mighty, may_create = row
    if mighty or (may_create and instance.settings.database_owner_url is not None):
        yield _danger(
            "DATABASE_URL",
            "Its role may do more than read and write. `signalcraft database roles` makes a fitting one.",
            "이 역할의 권한이 너무 큽니다. `signalcraft database roles`가 알맞은 역할을 만듭니다.",
        )
    if abs(utc_now() - server_time) > CLOCK_LIMIT:
        yield _danger(
            "clock",
            "This machine's clock and the database's differ by more than 5 s. Set up NTP on both.",
            "이 장비와 데이터베이스의 시계가 5초 넘게 다릅니다. 양쪽에 NTP를 설정하세요.",
        )


def _schema(instance: Instance) -> Iterator[Finding]:
    url = owner_url(instance.settings)
    try:
        with psycopg.connect(**libpq_parameters(url), connect_timeout=WAIT_SECONDS) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    except psycopg.OperationalError:
        return  # `_database` says so
    scripts = ScriptDirectory.from_config(migrate.configuration(url))
    ours = {script.revision for script in scripts.walk_revisions()}
    if row and row[0] not in ours:
        yield _danger(
            "DATABASE_URL",
            f"Its tables are of a newer release (revision {row[0]}). Start that release, or a newer one.",
            f"테이블이 더 새로운 릴리스의 것입니다(리비전 {row[0]}). 그 릴리스나 더 새로운 것을 시작하세요.",
        )
    elif not row or row[0] != scripts.get_current_head():
        yield _danger(
            "DATABASE_URL",
            "Its tables are older than this release. `signalcraft up` brings them up to date.",
            "테이블이 이 릴리스보다 오래되었습니다. `signalcraft up`이 최신으로 맞춥니다.",
        )


def _disk(instance: Instance) -> Iterator[Finding]:
    folder = instance.data_dir
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        yield _danger(
            str(folder),
            f"{free // 2**20} MiB are free on its disk. Make room, or shorten how long things are kept.",
            f"디스크에 {free // 2**20} MiB만 남았습니다. 공간을 비우거나 보관 기간을 줄이세요.",
        )


def _redis(instance: Instance) -> Iterator[Finding]:
    try:
        redis.Redis.from_url(
            instance.settings.redis_url.get_secret_value(),
            socket_connect_timeout=WAIT_SECONDS,
            socket_timeout=WAIT_SECONDS,
        ).ping()
    except redis.RedisError:
        yield _danger(
            "REDIS_URL",
            "Redis does not answer: limits are counted by each process alone, and analyses wait longer.",
            "Redis가 응답하지 않습니다. 요청 제한이 프로세스마다 따로 계산되고 분석이 늦어집니다.",
        )


def _backups(instance: Instance) -> Iterator[Finding]:
    for concern in health.concerns(instance):
        yield Finding(concern.weight, concern.setting, concern.en, concern.ko)


_CHECKS: Sequence[Callable[[Instance], Iterator[Finding]]] = (
    _keys,
    _passwords,
    _transport,
    _settings,
    _files,
    _ports,
    _database,
    _schema,
    _disk,
    _redis,
    _backups,
)
