"""What the proxy says of itself: how many connections it holds, and what it answered with 500 and above.

The tiers count what they answer. Only the proxy knows what it answered because a tier did not. A script
counts those in the proxy's memory; no other request meets it. This nginx has no `stub_status`, so the system
is asked for the connections.
"""

import json
import re
import socket
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from signalcraft.operations import traffic
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import TIERS, tier_port

_TIMEOUT_S = 3.0
_ESTABLISHED = "01"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
PATH = "/errors"
"""On the control socket."""

_SCRIPT = """\
// Written by `signalcraft up`; changes are lost.
function note(r) {
    ngx.shared.errors.incr((r.variables.upstream_addr || '') + '|' + r.variables.status, 1, 0);
    return '';
}
function tell(r) {
    r.return(200, JSON.stringify(ngx.shared.errors.items()));
}
export default {note, tell};
"""
_CONFIGURATION = """\
    # What is answered with 500 and above is counted when it is over: a variable that is looked up only then.
    js_path "{folder}";
    js_import errors from errors.js;
    js_shared_dict_zone zone=errors:64k type=number;
    js_set $noted errors.note;
    map $status $is_noted {{
        '~^5' $noted;
        default '';
    }}
    access_log /dev/null counts if=$is_noted;
"""


def write_script(instance: Instance) -> None:
    """Write what `configuration` names."""
    (instance.proxy_dir / "errors.js").write_text(_SCRIPT, encoding="utf-8")


def configuration(instance: Instance) -> str:
    """The part of the proxy's configuration that counts; it stands after that of the traffic."""
    return _CONFIGURATION.format(folder=instance.proxy_dir)


def errors(instance: Instance) -> Mapping[tuple[str, str], int]:
    """Answers of 500 and above since the proxy started, by the tier that was asked last (`none`: none was)
    and status.

    Raises
    ------
    OSError
        The proxy does not answer, or is one that counts none.
    """
    with closing(_Control(traffic.control_socket(instance))) as control:
        try:
            control.request("GET", PATH)
            answer = control.getresponse()
            counted = json.loads(answer.read())
        except (HTTPException, ValueError) as error:
            raise OSError(f"The proxy says no numbers: {error!r}") from error
    base = instance.settings.internal_port_base
    tiers = {str(tier_port(base, tier, colour)): tier for tier in TIERS for colour in ("blue", "green")}
    found: Counter[tuple[str, str]] = Counter()
    for key, count in counted:
        addresses, _, status = key.partition("|")
        port = re.split(r"[:, ]+", addresses)[-1]
        found[tiers.get(port, "none"), status] += int(count)
    return found


class _Control(HTTPConnection):
    """Through the socket file."""

    def __init__(self, file: Path) -> None:
        super().__init__("proxy", timeout=_TIMEOUT_S)
        self._file = file

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(str(self._file))


def connections(ports: set[int], tables: tuple[Path, ...] = _TABLES) -> int:
    """Connections of clients to these ports of this machine that are open now."""
    ends = {f":{port:04X}" for port in ports}
    return sum(
        fields[3] == _ESTABLISHED and fields[1][-5:] in ends
        for table in tables
        if table.exists()
        for fields in map(str.split, table.read_text(encoding="ascii").splitlines()[1:])
    )
