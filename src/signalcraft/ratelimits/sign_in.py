"""Guessing passwords gets slower with each miss, and nobody can lock somebody else out.

What waits is a pair of account and source. A source is an address, or a browser that this account has
signed in from before (`accounts/known_browsers.py`), so that a guesser behind the same router does not slow
the owner down. An account that is being guessed from many addresses makes every source that has missed wait
longer, but never one that has not: the owner's first try is always heard.
"""

import hashlib
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from signalcraft.errors import TooManyRequestsError, UnauthenticatedError
from signalcraft.ratelimits.counters import get_counters

FREE_MISSES = 5
"""Somebody who half remembers tries this often."""
LONGEST_PAUSE_SECONDS = 900
"""With it one source has 100 guesses a day."""
MEMORY_SECONDS = 3600
"""How long a miss counts."""
ACCOUNT_MISSES = 50
"""From so many misses in an hour on, from wherever, an account is being guessed …"""
ACCOUNT_PAUSE_SECONDS = 30
"""… and each source waits at least this long after a miss of its own."""


@contextmanager
def attempt(account: str, source: str) -> Iterator[None]:
    """Around one try to prove who one is: refused while the source has to wait, noted where it fails.

    Parameters
    ----------
    account : what was typed as the user name; the same account may have two.
    source : where it is tried from.

    Raises
    ------
    TooManyRequestsError
        Too many misses before: with `Retry-After`. Whether there is such an account is not said.
    UnauthenticatedError
        As raised inside the block.
    """
    name = hashlib.sha256(unicodedata.normalize("NFC", account).casefold().encode()).hexdigest()[:32]
    pair = f"{name}/{source}"
    counters = get_counters()
    if counters.value(f"pause/{pair}"):
        wait = max(1, round(counters.seconds_left(f"pause/{pair}")))
        raise TooManyRequestsError(retry_after_seconds=wait)
    try:
        yield
    except UnauthenticatedError:
        _note_miss(name, pair)
        raise
    counters.forget(f"missed/{pair}")


def _note_miss(name: str, pair: str) -> None:
    counters = get_counters()
    misses = counters.add(f"missed/{pair}", seconds=MEMORY_SECONDS)
    everywhere = counters.add(f"missed/{name}", seconds=MEMORY_SECONDS)
    pause = pause_seconds(misses, everywhere)
    if pause:
        counters.add(f"pause/{pair}", seconds=pause)


def pause_seconds(misses: int, everywhere: int) -> int:
    """How long a source waits that has missed so often, on an account missed so often from everywhere."""
    own = min(LONGEST_PAUSE_SECONDS, 2 ** (misses - FREE_MISSES)) if misses >= FREE_MISSES else 0
    return max(own, ACCOUNT_PAUSE_SECONDS if everywhere > ACCOUNT_MISSES else 0)
