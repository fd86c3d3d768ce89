"""The process `backups`: ships the log and new sound each minute, and makes a backup when one is due.

It is neither a task of the queue nor part of the monitor: it must not depend on what it rescues, and a backup
of many minutes must hold nothing else up. The backup itself runs as a command, whose memory is given back.
"""

import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psycopg

from signalcraft.clock import utc_now
from signalcraft.logging import configure, get_logger
from signalcraft.operations import instance
from signalcraft.operations.backups import making, wal
from signalcraft.operations.backups.manifest import manifests
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance

log = get_logger(__name__)

EVERY_SECONDS = 60.0
_AGAIN_AFTER = timedelta(hours=1)
"""After a failure: often enough to catch a destination that was away, rare enough for what stays broken."""


def is_due(here: Instance) -> bool:
    """Whether the newest trusted backup is too old, or the log after it has a gap."""
    hours = here.settings.backup_interval_hours
    if not hours:
        return False
    known = manifests(making.Places.of(here).destination)
    now = utc_now()
    if known and not known[-1].trusted and now - known[-1].finished_at < _AGAIN_AFTER:
        return False
    trusted = [backup.started_at for backup in known if backup.trusted]
    if not trusted or now - trusted[-1] >= timedelta(hours=hours):
        return True
    return wal.look(here.spool_dir).given_up > 0


def turn(here: Instance) -> None:
    """Ship, and back up if it is time."""
    if here.embeds_postgres:
        shipped = making.ship(here)
        if shipped:
            log.info("log_shipped", files=shipped)
    if given_up := wal.look(here.spool_dir).given_up:
        log.error("log_given_up", files=given_up)
    if is_due(here):
        done = subprocess.run(
            [str(Path(sys.prefix) / "bin" / "signalcraft"), "backup"], capture_output=True, text=True
        )
        if done.returncode:
            log.error("backup_failed", reason=done.stderr.strip().splitlines()[-1:])
        else:
            log.info("backup_made", said=done.stdout.strip())


def main() -> None:
    here = instance.load()
    configure(here.settings, "backups")
    while True:
        try:
            turn(here)
        except (OperationsError, psycopg.Error) as error:
            log.error("backups_stopped", reason=str(error))
        time.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    main()
