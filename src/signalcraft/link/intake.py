"""Readings of all sockets on their way to the writer: one group under way, the next gathers meanwhile."""

import asyncio
from dataclasses import dataclass

from signalcraft.db import failures
from signalcraft.errors import SignalCraftError, UnavailableError
from signalcraft.fleet.admission import Caller
from signalcraft.logging import get_logger
from signalcraft.telemetry.items import Columnar, Item, ItemError
from signalcraft.telemetry.writer import Writer

log = get_logger(__name__)

GROUP_LIMIT = 5_000
"""Readings of one group. Each socket waits for its own, so there are never more than sockets."""

GATHERING_SECONDS = 0.02
"""A transaction costs milliseconds of a core however small it is; a node that measures each second does not
notice that its answer comes this much later, and a few hundred nodes cost half as much."""

Refusal = SignalCraftError | ItemError


@dataclass(frozen=True)
class _Waiting:
    item: Item
    caller: Caller
    answer: "asyncio.Future[Refusal | None]"


class Intake:
    """Hands readings to the writer's thread and brings back what became of each."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()

    async def store(self, item: Item, caller: Caller) -> Refusal | None:
        """Wait until the reading is committed (None) or refused."""
        answer: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, caller, answer))
        self._arrived.set()
        return await answer

    async def run(self) -> None:
        """Store what comes, until cancelled."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(GATHERING_SECONDS)
            group = self._next_group()
            answers = await self._commit(group)
            for place, waiting in enumerate(group):
                if not waiting.answer.done():
                    waiting.answer.set_result(answers.get(place))

    def _next_group(self) -> list[_Waiting]:
        """In a group a name stands for one caller: nobody gets in by the key of another under his name."""
        callers: dict[str, Caller] = {}
        group: list[_Waiting] = []
        later: list[_Waiting] = []
        for waiting in self._waiting:
            caller = callers.setdefault(waiting.caller.device_id, waiting.caller)
            fits = caller == waiting.caller and len(group) < GROUP_LIMIT
            (group if fits else later).append(waiting)
        self._waiting = later
        if not later:
            self._arrived.clear()
        return group

    async def _commit(self, group: list[_Waiting]) -> dict[int, Refusal]:
        """Why readings are not stored, by place in the group."""
        columnar = Columnar([waiting.item for waiting in group], boot_needed=False)
        answers: dict[int, Refusal] = {error.index: error for error in columnar.errors}
        if not len(columnar.batch):
            return answers
        callers = {waiting.caller.device_id: waiting.caller for waiting in group}
        try:
            future = self._writer.submit(columnar.batch, [callers[name] for name in columnar.batch.names])
            outcome = await asyncio.wrap_future(future)
        except Exception as error:
            refusal = _as_refusal(error)
            return answers | dict.fromkeys(columnar.place.tolist(), refusal)
        return answers | {int(columnar.place[row]): error for row, error in outcome.refused.items()}


def _as_refusal(error: Exception) -> SignalCraftError:
    if isinstance(error, SignalCraftError):
        return error
    if failures.passes(error):
        log.error("database_unavailable", reason=failures.reason(error))
        return UnavailableError("The database does not answer; send the same reading again later.")
    log.error("readings_not_stored", exc_info=error)
    return SignalCraftError("An error happened here; it has been recorded.")
