"""The systemd unit that starts an instance when the machine starts."""

import os
import pwd
import sys
from pathlib import Path

from signalcraft.operations.colours import program_link
from signalcraft.operations.instance import Instance


def unit(instance: Instance) -> str:
    """A unit that runs `up` and `down` as the account that asks, with what finds the instance."""
    settings = instance.settings
    link = program_link(instance)
    # A deployed release's own folder is removed one day.
    command = link if link.exists() else Path(sys.prefix) / "bin" / "signalcraft"
    variables = {
        "SIGNALCRAFT_DATA_DIR": str(instance.data_dir),
        "SIGNALCRAFT_GATEWAY_PORT": str(settings.gateway_port),
        "SIGNALCRAFT_API_PORT": str(settings.api_port),
        "SIGNALCRAFT_LINK_PORT": str(settings.link_port),
    }
    lines = [
        "[Unit]",
        "Description=SignalCraft",
        "Wants=network-online.target",
        # Tokens and the codes of second factors are good for minutes: a wrong clock signs everybody out.
        "After=network-online.target time-sync.target postgresql.service redis.service",
        "",
        "[Service]",
        # `up` returns when everything is ready; PM2 then keeps the processes.
        "Type=oneshot",
        "RemainAfterExit=yes",
        f"User={pwd.getpwuid(os.getuid()).pw_name}",
        f"WorkingDirectory={_escaped(str(Path.cwd()))}",
        *(f'Environment="{_escaped(f"{name}={value}")}"' for name, value in variables.items()),
        f'ExecStart="{_escaped(str(command))}" up',
        f'ExecStop="{_escaped(str(command))}" down',
        # A file for each node and stream.
        "LimitNOFILE=65536",
        "TimeoutStartSec=300",
        # Longer than all that is stopped in turn may take to finish what it does.
        "TimeoutStopSec=180",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Systemd reads `%` as the start of a specifier."""
    return text.replace("%", "%%")
