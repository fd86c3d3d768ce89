"""PgBouncer in transaction mode in front of the server, with TLS: Debian's program, where it is installed."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from writers import accepted, wait_for_more, writing

from people import FleetFixture, Person, bearer
from server_host import ServerHost
from signalcraft.acoustics.queries import lock_device_fragments
from signalcraft.db.connection import libpq_parameters, server_url
from signalcraft.db.engine import get_engine, make_engine
from signalcraft.db.limits import limits
from signalcraft.db.session import unit_of_work
from signalcraft.settings import Settings, get_settings
from system_instance import free_ports

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed (Debian: pgbouncer)")

SERVER_CONNECTIONS = 2
DEADLINE_SECONDS = 20.0

CONFIGURATION = """\
[databases]
signalcraft = host=127.0.0.1 port={server_port} dbname=signalcraft
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {connections}
client_tls_sslmode = require
client_tls_key_file = {folder}/key.pem
client_tls_cert_file = {folder}/certificate.pem
logfile =
server_login_retry = 1
"""


@pytest.fixture(scope="module")
def folder(settings: Settings) -> Path:
    folder = settings.data_dir / "pgbouncer"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def pooler(settings: Settings, server_host: ServerHost, folder: Path) -> Iterator[URL]:
    """The application's URL through PgBouncer, which has two connections for everybody."""
    server, port = make_url(settings.database_url.get_secret_value()), free_ports()[0]
    _write_certificate(folder, name="localhost")
    (folder / "users").write_text(f'"{server.username}" "{server.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        CONFIGURATION.format(
            server_port=server.port, port=port, folder=folder, connections=SERVER_CONNECTIONS
        )
    )
    assert PGBOUNCER is not None
    server_host.start("pgbouncer", PGBOUNCER, folder / "pgbouncer.ini")
    url = server.set(host="localhost", port=port).update_query_dict(
        {"sslmode": "verify-full", "sslrootcert": str(folder / "certificate.pem")}
    )
    _wait_for_server(url, settings)
    yield url
    server_host.stop("pgbouncer")


@pytest.fixture
def through_pooler(pooler: URL, change_settings: Callable[..., None]) -> None:
    """This process, an api process, reaches its database through PgBouncer alone."""
    change_settings(
        DATABASE_URL=pooler.render_as_string(hide_password=False),
        SIGNALCRAFT_DATABASE_POOLER="true",
        SIGNALCRAFT_PROCESS="api",
    )


def test_the_application_works_through_it(
    api_app: Flask,
    gateway_client: TestClient,
    fleet: FleetFixture,
    owner: Person,
    through_pooler: None,
) -> None:
    """Many threads on two connections, each statement often enough to be prepared by psycopg."""
    start = datetime(2026, 11, 1, tzinfo=UTC)

    def send(number: int) -> int:
        message = {
            "device_id": fleet.device.device_id,
            "timestamp": (start + timedelta(seconds=number)).isoformat(),
            "temperature": 1.0,
            "vibration": None,
            "power_consumption": None,
            "audio_level": None,
        }
        return api_app.test_client().post("/api/iot/sensors/data", json=message).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(120))) == {200}
    headers = bearer(gateway_client, owner)
    client = api_app.test_client()
    sound = b"\x01\x00" * 16_000
    node = {"X-Device-ID": fleet.device.device_id, "X-Sample-Rate": "16000", "X-Bits-Per-Sample": "16"}
    for _ in range(2):  # takes an advisory lock, writes through several tables
        answer = client.post(
            "/api/esp32/audio/upload",
            data=sound,
            content_type="application/octet-stream",
            headers=node | {"X-Measured-At": start.isoformat()},
        )
        assert answer.status_code == 200, answer.text
    answer = client.get("/api/dashboard/overview", headers=headers)  # a repeatable-read snapshot
    assert answer.status_code == 200, answer.text
    with unit_of_work() as session:
        assert session.scalar(text("SELECT count(*) FROM readings")) == 120
        assert session.scalar(text("SELECT count(*) FROM clips")) == 1
        backends = session.scalar(
            text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'signalcraft-api-blue'")
        )
    assert backends is not None
    assert backends <= SERVER_CONNECTIONS


def test_times_hold_for_the_transaction_and_no_longer(through_pooler: None) -> None:
    wanted = limits(get_settings()).session_settings
    show = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
    with unit_of_work() as session:
        assert dict(session.execute(show, {"names": list(wanted)}).all()) == wanted
    # Whoever gets the same connection next, without the times of its own, finds the server's.
    with psycopg.connect(**libpq_parameters(get_engine().url)) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_advisory_locks_end_with_their_transaction(fleet: FleetFixture, through_pooler: None) -> None:
    order: list[str] = []
    held, free = threading.Event(), threading.Event()

    def first() -> None:
        with unit_of_work() as session:
            lock_device_fragments(session, fleet.device.id)
            held.set()
            free.wait(10)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(10)
    threading.Timer(0.2, free.set).start()
    with unit_of_work() as session:
        lock_device_fragments(session, fleet.device.id)
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_a_crash_of_the_server_behind_it_is_an_outage(
    api_app: Flask, database: None, through_pooler: None, quick_recovery: None, server_host: ServerHost
) -> None:
    """PgBouncer then answers what was not asked, which the driver calls an internal error: still a 503."""
    with writing(api_app) as writers:
        for _ in range(2):
            wait_for_more(writers, accepted(writers) + 60)
            server_host.restart("postgres", signal="SIGQUIT")
        wait_for_more(writers, accepted(writers) + 60)


def test_a_server_with_another_name_or_certificate_gets_no_password(pooler: URL, settings: Settings) -> None:
    """`verify-full`, as is the rule for outside servers; PgBouncer stands in for one with TLS."""
    folder = settings.data_dir / "pgbouncer"
    assert (
        server_url(pooler.set(query={}).set(host="db.example.com").render_as_string(), settings).query[
            "sslmode"
        ]
        == "verify-full"
    )
    _connect(pooler, settings)
    with pytest.raises(OperationalError, match="server certificate for"):
        _connect(pooler.set(host="127.0.0.1"), settings)
    (folder / "strange").mkdir()
    _write_certificate(folder / "strange", name="localhost")
    strange = pooler.update_query_dict({"sslrootcert": str(folder / "strange" / "certificate.pem")})
    with pytest.raises(OperationalError, match="certificate verify failed"):
        _connect(strange, settings)


def _connect(url: URL, settings: Settings) -> None:
    engine = make_engine(settings.model_copy(update={"database_pooler": True}), url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    finally:
        engine.dispose()


def _wait_for_server(url: URL, settings: Settings) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            return _connect(url, settings)
        except OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _write_certificate(folder: Path, *, name: str) -> None:
    """A self-signed certificate and its key, readable for the account that runs PgBouncer."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
