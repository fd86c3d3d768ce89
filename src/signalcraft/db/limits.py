"""What a process of each kind may take of the database: connections, and time.

Connections follow what a process can use at once. Of the 16 threads of a web process half may be in the
database while the others decode, store sound or wait for the network; a pool process of the worker does one
thing at a time. Half of a web process's share is kept: making a connection anew costs TLS, a password and a
process of the server each time. As the processes of a machine are in proportion to its cores
(`operations/tiers.py`), so are the connections: ten a core kept, seventeen in a burst, of each colour, and
the link's four. A PostgreSQL is busy with about "cores x 2 + 1" of them; more only wait inside it rather than
in front of it.

Times end what has gone wrong, from the inside out: a wait for a lock, then a statement, then a transaction
whose process does nothing. They are longest where nobody waits for an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from signalcraft.settings import Process, Settings

CONNECT_SECONDS = 5
"""A server that is there answers in milliseconds; one that is not must not hold a request."""
CHECKOUT_SECONDS = 5.0
"""How long a request waits for a connection of its process before it is answered with 503."""
SILENT_SECONDS = 15
"""A host that has vanished sends nothing: after this long without an answer its connection is given up."""


@dataclass(frozen=True)
class Limits:
    """The share of one process."""

    pool_size: int
    """Connections it keeps."""
    pool_overflow: int
    """Connections it may open above these for a burst."""
    lock_ms: int
    statement_ms: int
    idle_in_transaction_ms: int
    patience_seconds: float
    """How long work that may be done twice is tried again while the server restarts or fails over."""
    looks: int = 0
    """Connections besides, for `session.look`: at each request of a person, for a tenth of a millisecond."""

    @property
    def connections(self) -> int:
        """The most that it can hold at one time."""
        return self.pool_size + self.pool_overflow + self.looks

    @property
    def session_settings(self) -> Mapping[str, str]:
        """PostgreSQL's names for the times, in milliseconds."""
        return {
            "lock_timeout": str(self.lock_ms),
            "statement_timeout": str(self.statement_ms),
            "idle_in_transaction_session_timeout": str(self.idle_in_transaction_ms),
        }


_OF: Mapping[Process, Limits] = {
    # A person looks at the page: what takes 10 s has failed for them.
    "gateway": Limits(4, 4, 3_000, 10_000, 30_000, 1.0, looks=2),
    # A year of readings for a chart takes seconds. Sound is stored within the transaction, in S3 perhaps.
    "api": Limits(4, 4, 5_000, 30_000, 60_000, 1.0, looks=2),
    # One writer, one report of nodes and one look for commands at a time.
    "link": Limits(3, 1, 5_000, 30_000, 60_000, 1.0),
    # Moving a late day's readings may take a minute. An analysis itself is ended after 10 s.
    "worker": Limits(1, 1, 10_000, 120_000, 60_000, 5.0),
    # It only says when others work.
    "scheduler": Limits(1, 0, 3_000, 10_000, 30_000, 1.0),
    # Its jobs may all look at once; nothing waits long for what is only a look.
    "monitor": Limits(2, 2, 3_000, 10_000, 30_000, 1.0),
    "backups": Limits(1, 1, 10_000, 30_000, 60_000, 10.0),
    "command": Limits(2, 6, 10_000, 30_000, 60_000, 10.0, looks=1),
}


def limits(settings: Settings, process: Process | None = None) -> Limits:
    """The share of this process, or of another kind; the pool of web processes may be set by hand."""
    kind = process or settings.process
    own = _OF[kind]
    if kind not in ("gateway", "api"):
        return own
    size, overflow = settings.database_pool_size, settings.database_pool_overflow
    return replace(
        own,
        pool_size=own.pool_size if size is None else size,
        pool_overflow=own.pool_overflow if overflow is None else overflow,
    )
