"""What the journeys need on the instance: shops with machines that were taught, people with sessions, sound.

Everything is synthetic. The instance is removed after the load test, and all of this with it.
"""

import asyncio
import json
import wave
from dataclasses import asdict, dataclass
from itertools import count, islice
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import Connection, insert, select, text

import signalcraft.tables  # noqa: F401  # foreign keys need every table known
from benchmarks import load
from loadtests.system import System
from signalcraft.accounts.models import ShopMember, User
from signalcraft.accounts.passwords import generate_password, hash_password
from signalcraft.accounts.places import Place
from signalcraft.accounts.sessions import open_session
from signalcraft.accounts.tokens import AccessClaims, issue_access_token
from signalcraft.clock import utc_now
from signalcraft.db.engine import make_owner_engine
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device, Machine, Shop
from signalcraft.simulation.machine import SAMPLE_RATE_HZ, VirtualMachine

SHOPS = 50
MACHINES_OF_A_SHOP = 10
VOICES = 5
"""Simulated compressors; every machine of a shop sounds like one of them."""
CLIPS_OF_A_VOICE = 2
"""That the journeys send."""
CLIPS_FROM_S = 3e6
"""On the simulated machine's clock, after everything that it is taught with."""
ROLES = ("store_owner", "store_manager", "technician")
"""Of the people of a shop in turns. All three may have sound analysed."""


@dataclass(frozen=True)
class MachineOnStage:
    """`voice` is the place of the clips that it sounds like."""

    id: int
    device: str
    voice: int


@dataclass(frozen=True)
class ShopOnStage:
    id: int
    machines: list[MachineOnStage]


@dataclass(frozen=True)
class PersonOnStage:
    """Somebody with a session. `shop` is a place in the list of shops, `shop_id` the instance's number."""

    id: int
    username: str
    session: str
    refresh_token: str
    shop: int
    shop_id: int


@dataclass(frozen=True)
class Voice:
    """Files with the same clips in two forms: what phones send and what nodes send."""

    wav: list[str]
    pcm: list[str]


@dataclass(frozen=True)
class Stage:
    """Person number n belongs to shop n modulo the number of shops; the audience all to the head office."""

    shops: list[ShopOnStage]
    people: list[PersonOnStage]
    audience: list[PersonOnStage]
    voices: list[Voice]
    password: str

    def write(self, file: Path) -> None:
        """What k6 reads, as JSON, with access tokens that are good from now on."""
        now = utc_now()
        people = [
            {
                "username": person.username,
                "token": issue_access_token(AccessClaims(person.id, UUID(person.session)), now),
                "refresh": person.refresh_token,
                "shop": person.shop,
            }
            for person in self.people
        ]
        shops, voices = [asdict(shop) for shop in self.shops], [asdict(voice) for voice in self.voices]
        file.write_text(json.dumps({"people": people, "shops": shops, "voices": voices}))


def make_stage(folder: Path, people: int, audience: int) -> Stage:
    """Make shops with machines, people with sessions, and clips.

    Parameters
    ----------
    folder : for the clips.
    audience : how many people of the head office.
    """
    password = generate_password()
    shops = _make_shops()
    crowd = _make_people("load", shops, people, password)
    hall = _make_people("hall", [_make_hall()], audience, password) if audience else []
    voices = [_make_voice(seed, folder / f"voice-{seed}") for seed in range(VOICES)]
    return Stage(shops, crowd, hall, voices, password)


def _make_shops() -> list[ShopOnStage]:
    with unit_of_work() as session:
        names = [f"모의 매장 {number} · Simulated shop {number}" for number in range(SHOPS)]
        shops = session.scalars(insert(Shop).returning(Shop.id), [{"name": name} for name in names]).all()
        made = []
        for shop in sorted(shops):
            rows = [
                {"name": f"냉동기 {place} · Compressor {place}", "shop_id": shop, "synthetic": True}
                for place in range(MACHINES_OF_A_SHOP)
            ]
            machines = sorted(session.scalars(insert(Machine).returning(Machine.id), rows).all())
            found = [
                MachineOnStage(machine, f"LOAD-{machine:05d}", place % VOICES)
                for place, machine in enumerate(machines)
            ]
            nodes = [
                {
                    "device_id": one.device, "machine_id": one.id, "claimed_at": utc_now(),
                    "admission": "keyless", "networks": ["127.0.0.0/8"],
                }
                for one in found
            ]  # fmt: skip
            session.execute(insert(Device), nodes)
            made.append(ShopOnStage(shop, found))
    return made


def _make_hall() -> ShopOnStage:
    """A shop whose events reach a whole audience: a chain's head office, with nothing else to see."""
    with unit_of_work() as session:
        shop = session.scalars(
            insert(Shop).values(name="모의 본사 · Simulated head office").returning(Shop.id)
        ).one()
    return ShopOnStage(shop, [])


def _make_people(name: str, shops: list[ShopOnStage], number: int, password: str) -> list[PersonOnStage]:
    """People with open sessions. They share a password, and so its hash: making one takes 20 ms of a core."""
    hashed = hash_password(password)
    rows = [
        {"username": f"{name}-{place:04d}", "full_name": f"Person {place}", "password_hash": hashed}
        for place in range(number)
    ]
    with unit_of_work() as session:
        session.execute(insert(User), rows)
        found = select(User).where(User.username.like(f"{name}-%")).order_by(User.username)
        users = session.scalars(found).all()
        members = [
            {
                "user_id": user.id,
                "shop_id": _of(shops, place).id,
                "role": ROLES[place // len(shops) % len(ROLES)],
            }
            for place, user in enumerate(users)
        ]
        session.execute(insert(ShopMember), members)
        now, nowhere = utc_now(), Place("", "")
        opened = [open_session(session, user, nowhere, now=now) for user in users]
        return [
            PersonOnStage(
                one.user.id, one.user.username, str(one.session_id),  one.refresh_token,
                place % len(shops), _of(shops, place).id,
            )
            for place, one in enumerate(opened)
        ]  # fmt: skip


def _of(shops: list[ShopOnStage], place: int) -> ShopOnStage:
    return shops[place % len(shops)]


def _make_voice(seed: int, name: Path) -> Voice:
    """Healthy clips of a simulated compressor as files, none of which it is taught with."""
    compressor = VirtualMachine(seed)
    moments = (CLIPS_FROM_S + 60.0 * number for number in count())
    running = (moment for moment in moments if compressor.runs_through(moment, load.CLIP_SECONDS))
    voice = Voice([], [])
    for place, moment in enumerate(islice(running, CLIPS_OF_A_VOICE)):
        pcm = compressor.clip(moment, load.CLIP_SECONDS).astype("<i2").tobytes()
        wav, raw = name.with_name(f"{name.name}-{place}.wav"), name.with_name(f"{name.name}-{place}.pcm")
        raw.write_bytes(pcm)
        with wave.open(str(wav), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(pcm)
        voice.wav.append(str(wav))
        voice.pcm.append(str(raw))
    return voice


def teach(system: System, stage: Stage) -> None:
    """Let every machine know how it sounds when healthy: one of each voice by clips, the others by copy."""
    asyncio.run(_teach_voices(system, stage))
    with make_owner_engine(system.settings).begin() as connection:
        _teach_alike(connection, stage.shops)


async def _teach_voices(system: System, stage: Stage) -> None:
    limits = httpx.Limits(max_connections=None)
    watcher = load.Watcher(system.origin, stage.people[0].username, stage.password)
    async with (
        httpx.AsyncClient(base_url=system.origin, timeout=load.UPLOAD_TIMEOUT, limits=limits) as http,
        watcher.watching(),
    ):
        machines = stage.shops[0].machines[:VOICES]
        nodes = [load.Node(http, machine.device, machine.voice) for machine in machines]
        await load.teach(nodes, watcher, 2 * system.settings.baseline_clips)


def _teach_alike(connection: Connection, shops: list[ShopOnStage]) -> None:
    """Give every machine what the taught one of its voice has learned: they sound the same."""
    teachers = {machine.voice: machine.id for machine in shops[0].machines[:VOICES]}
    pupils = [
        {"teacher": teachers[machine.voice], "pupil": machine.id}
        for shop in shops
        for machine in shop.machines
        if machine.id not in teachers.values()
    ]
    for table in ("baselines", "state_models"):
        copied = connection.scalars(
            text(
                "SELECT column_name FROM information_schema.columns WHERE table_name = :table"
                " AND table_schema = 'public' AND column_name NOT IN ('id', 'machine_id')"
            ),
            {"table": table},
        )
        columns = ", ".join(copied)
        connection.execute(
            text(
                f"INSERT INTO {table} (machine_id, {columns})"  # noqa: S608  # names of our own tables
                f" SELECT :pupil, {columns} FROM {table} WHERE machine_id = :teacher"
            ),
            pupils,
        )
