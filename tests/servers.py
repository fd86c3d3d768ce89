"""Run an instance's own PostgreSQL and Valkey for the tests until standard input closes.

    SIGNALCRAFT_DATA_DIR=… python tests/servers.py

A process of its own, because root gives its rights up for good before PostgreSQL may start.
"""

import signal
import subprocess
import sys

from signalcraft.operations import account, instance
from signalcraft.operations.postgres import Postgres
from signalcraft.operations.valkey import Valkey
from signalcraft.settings import data_dir


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> None:
    account.become_owner(data_dir(), _say, create=True)
    own = instance.make()
    postgres, valkey = Postgres(own), Valkey(own)
    postgres.prepare()
    valkey.prepare()
    log = (own.logs_dir / "test-servers.log").open("w")
    servers = [
        subprocess.Popen(server.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        for server in (postgres, valkey)
    ]
    try:
        postgres.wait(30)
        valkey.wait(30)
        postgres.make_database()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        for server in servers:
            server.send_signal(signal.SIGINT)  # for PostgreSQL: do not wait for clients
        for server in servers:
            server.wait(30)


if __name__ == "__main__":
    main()
