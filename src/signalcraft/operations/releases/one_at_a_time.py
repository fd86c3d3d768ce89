"""One deployment at a time.

The lock outlives the command that took it as long as the release that comes, its child, is at work.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from signalcraft.operations.instance import Instance


@contextmanager
def turn(instance: Instance) -> Iterator[int | None]:
    """The lock as a file descriptor, for a child that is to hold it too; None where somebody else has it."""
    with (instance.run_dir / "deployment.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield file.fileno()
