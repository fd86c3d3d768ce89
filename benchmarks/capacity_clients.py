"""Nodes and people for `capacity`: each asks for one thing at a time, through the proxy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count, cycle

import httpx

from benchmarks.load import UPLOAD_TIMEOUT, Node, Watcher, teach
from benchmarks.stage import OPERATOR, WATCHER_NAME, Stage
from benchmarks.telemetry.http import Answer, Connection
from benchmarks.telemetry.single import BODY
from signalcraft import metrics
from signalcraft.accounts import grants
from signalcraft.accounts.models import User
from signalcraft.accounts.passwords import generate_password, hash_password
from signalcraft.cli.local_instance import public_url
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import administration
from signalcraft.fleet import service as fleet
from signalcraft.operations.ports import LOOPBACK, tier_port
from signalcraft.operations.tiers import READING_PATH
from signalcraft.realtime.publish import emit
from signalcraft.settings import Settings

OWNER = "bench-owner"
CONNECTING_S = 5.0
"""Streams are opened over this time and not at once."""


_COMMITS = "signalcraft_readings_commit_duration_seconds_count"


class RefusedError(Exception):
    """An answer that is none."""


@dataclass(frozen=True)
class Owner:
    """Who owns a shop with some of the stage's machines."""

    shop_id: int
    password: str


class Clients:
    """Every method is one unit of work for the system."""

    def __init__(
        self,
        settings: Settings,
        ready: Stage,
        owner: Owner,
        owned: int,
        http: httpx.AsyncClient,
        watcher: Watcher,
    ) -> None:
        self._origin = public_url(settings, settings.gateway_port)
        self._api_origin = public_url(settings, settings.api_port)
        link = tier_port(settings.internal_port_base, "link", settings.colour)
        self._link = f"http://{LOOPBACK}:{link}"
        self._http, self._watcher, self._owner = http, watcher, owner
        self._administrator = {"username": ready.username, "password": ready.password}
        self._devices = cycle(ready.device_ids)
        self._seconds = count(int(utc_now().timestamp()) - 80_000)
        first = Node(http, ready.device_ids[0], 0)
        self._taught = first
        self._nodes = cycle(
            [first, *(Node(http, name, 0, first.bodies) for name in ready.device_ids[1:owned])]
        )
        self._free: dict[str, list[Connection]] = {self._origin: [], self._api_origin: []}
        self._headers: dict[str, dict[str, str]] = {}

    @classmethod
    @asynccontextmanager
    async def of(cls, settings: Settings, ready: Stage, owned: int) -> AsyncIterator["Clients"]:
        """Signed in, with one machine that has learned how it sounds."""
        owner = _make_owner(ready, owned)
        origin = public_url(settings, settings.gateway_port)
        async with (
            httpx.AsyncClient(base_url=origin, timeout=UPLOAD_TIMEOUT) as http,
            Watcher(origin, ready.username, ready.password).watching() as watcher,
        ):
            clients = cls(settings, ready, owner, owned, http, watcher)
            await teach([clients._taught], watcher, 2 * settings.baseline_clips)
            for name, password in ((ready.username, ready.password), (OWNER, owner.password)):
                token = await clients._sign_in(name, password)
                clients._headers[name] = {"Authorization": f"Bearer {token}"}
            yield clients

    async def send_reading(self) -> None:
        body = BODY.format(name=next(self._devices), second=next(self._seconds)).encode()
        await self._ask(self._api_origin, lambda to: to.post(READING_PATH, body))

    async def commits(self) -> int:
        """How often the link has committed readings since it started."""
        lines = (await self._http.get(f"{self._link}{metrics.PATH}")).text.splitlines()
        counts = (line.rpartition(" ")[2] for line in lines if line.startswith(_COMMITS))
        return round(sum(map(float, counts)))

    async def send_clip(self) -> None:
        """Done when its diagnosis is told."""
        upload = await next(self._nodes).upload()
        if upload.analysis_id is None or await self._watcher.told(upload.analysis_id) is None:
            raise RefusedError(upload.failure)

    async def own_page(self) -> None:
        await self._page(OWNER)

    async def whole_page(self) -> None:
        await self._page(self._administrator["username"])

    async def sign_in(self) -> None:
        await self._sign_in(**self._administrator)

    async def emit(self) -> None:
        """One event, which every stream of the shop gets."""
        await asyncio.to_thread(self._emit)

    @asynccontextmanager
    async def streams(self, number: int) -> AsyncIterator[None]:
        """So many of the owner's event streams are open while the block runs, and read."""
        readers = []
        for _ in range(number):
            readers.append(asyncio.create_task(self._read_stream()))
            await asyncio.sleep(CONNECTING_S / number)
        await asyncio.sleep(1)
        yield
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def _page(self, name: str) -> None:
        await self._ask(self._origin, lambda to: to.get("/", {}))
        await self._ask(self._origin, lambda to: to.get("/api/dashboard/overview", self._headers[name]))

    async def _sign_in(self, username: str, password: str) -> str:
        answer = await self._http.post(
            "/api/auth/login", json={"username": username, "password": password, "delivery": "body"}
        )
        if answer.status_code != httpx.codes.OK:
            raise RefusedError(answer.status_code)
        return str(answer.json()["access_token"])

    async def _ask(self, origin: str, ask: Callable[[Connection], Awaitable[Answer]]) -> None:
        """On a kept connection that nobody uses just now."""
        connection = self._free[origin].pop() if self._free[origin] else Connection(origin)
        try:
            answer = await ask(connection)
        except (OSError, asyncio.IncompleteReadError):
            answer = await ask(connection)  # it was closed while nobody used it, and is opened anew
        self._free[origin].append(connection)
        if answer.status != httpx.codes.OK:
            raise RefusedError(answer.status)

    def _emit(self) -> None:
        with unit_of_work() as session:
            emit(session, "benchmark.event", {"at": 0}, shop_id=self._owner.shop_id)

    async def _read_stream(self) -> None:
        connection = Connection(self._origin)
        reader, writer = await asyncio.open_connection(connection.host, connection.port)
        authorization = self._headers[OWNER]["Authorization"]
        writer.write(
            "GET /api/notifications/stream HTTP/1.1\r\n"
            f"Host: {connection.host}\r\nAuthorization: {authorization}\r\n\r\n".encode()
        )
        try:
            while await reader.read(65_536):
                pass
        finally:
            writer.close()


def _make_owner(ready: Stage, owned: int) -> Owner:
    password = generate_password()
    with unit_of_work() as session:
        user = User(
            username=OWNER, full_name=WATCHER_NAME, role="user", password_hash=hash_password(password)
        )
        session.add(user)
        shop = administration.create_shop(session, OPERATOR, name="Owned (synthetic)", status="active")
        session.flush()
        grants.grant(session, user, shop_id=shop.id, role="store_owner", by=None)
        for name in ready.device_ids[:owned]:
            device = fleet.see_device(session, name, address=None, now=utc_now())
            machine = fleet.get_machine(session, OPERATOR, device.machine_id)
            fleet.give_to_shop(session, device, machine, shop.id, machine.name, user_id=None)
        return Owner(shop.id, password)
