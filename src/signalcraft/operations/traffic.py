"""The traffic: which share of it each colour gets, and what became of it.

The proxy draws a slot of 100 for each request and looks up whose the slot is. The table is in its memory, and
is changed through a socket while it runs: with no reload, which would close kept connections. The same table
is in a file that it reads when it starts, so that a killed proxy comes back with the shares of the moment.

A browser draws by its address and name, so that one page and its scripts are of one release; everybody else
draws at random. Green's slots are the first ones: a browser that has moved stays when the share grows.
"""

import os
import socket
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from signalcraft.operations import colours
from signalcraft.operations.colours import COLOURS
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import TIERS, Colour, is_free, proxy_port, tier_port
from signalcraft.operations.whole_files import write_whole

SLOTS = 100


@dataclass(frozen=True)
class Figures:
    """What became of the requests that a colour was given, retries included."""

    requests: int = 0
    errors: int = 0
    """Answers of 500 and above, and connections refused or broken."""
    latency_p50_s: float | None = None
    """Seconds to the head of the answer; None without any answer."""
    latency_p95_s: float | None = None


def control_socket(instance: Instance) -> Path:
    """Where the running proxy takes changes. Its folder is the owner's alone."""
    return instance.proxy_dir / "control.sock"


def table_file(instance: Instance) -> Path:
    """What the proxy starts with: the colour of each slot, as lines of an nginx `map`."""
    return instance.proxy_dir / "slots.conf"


def counts_file(instance: Instance) -> Path:
    """One line a request, while they are counted."""
    return instance.proxy_dir / "counts.log"


def weights(instance: Instance) -> dict[Colour, int]:
    """Percent of the traffic that each colour gets."""
    return colours.load(instance).weights


def set_weights(instance: Instance, shares: dict[Colour, int]) -> None:
    """Share the traffic anew: in percent, from the next request on, and after a restart.

    A proxy that does not run takes the new shares when it starts.

    Raises
    ------
    ValueError
        They are not shares of 100.
    OperationsError
        The proxy runs and does not answer.
    """
    colours.save(instance, replace(colours.load(instance), weights=shares))
    write_table(instance)
    if is_free(instance.settings.bind_address, instance.settings.gateway_port):
        return
    with _control(instance) as control:
        for slot, colour in enumerate(slots(shares)):
            _post(control, f"/slots/{slot}/{colour}")


def write_table(instance: Instance) -> None:
    """Write what the proxy starts with."""
    lines = [f"{slot} {colour};" for slot, colour in enumerate(slots(weights(instance)))]
    write_whole(table_file(instance), "\n".join(lines) + "\n")


def slots(shares: dict[Colour, int]) -> list[Colour]:
    """The colour of each slot."""
    return ["green" if slot < shares["green"] else "blue" for slot in range(SLOTS)]


def configuration(instance: Instance, pause_seconds: float) -> str:
    """The part of the proxy's configuration that shares the traffic; it makes `$colour` and more.

    pause_seconds : how long a refused request waits before it is sent again.
    """
    base = instance.settings.internal_port_base
    return _CONFIGURATION.format(
        slots="\n".join(f"        1% {slot};" for slot in range(SLOTS - 1)),
        last_slot=SLOTS - 1,
        own_ports="\n".join(f"        {proxy_port(base, colour)} {colour};" for colour in COLOURS),
        table=table_file(instance),
        counts=counts_file(instance),
        control=control_socket(instance),
        pause=pause_seconds,
    )


@contextmanager
def counted(instance: Instance) -> Iterator[None]:
    """Count requests meanwhile, from none on, for `figures`.

    Should this program die, the proxy stops counting an hour later by itself.

    Raises
    ------
    OperationsError
        The proxy does not answer.
    """
    counts_file(instance).touch()
    os.truncate(counts_file(instance), 0)
    with _control(instance) as control:
        _post(control, "/counting/on")
    try:
        yield
    finally:
        with _control(instance) as control:
            _post(control, "/counting/off")


def figures(instance: Instance, since: float = 0.0) -> dict[Colour, Figures]:
    """What became of the requests that were answered `since` (seconds since 1970), 0.2 s late at most."""
    base = instance.settings.internal_port_base
    owner = {f":{tier_port(base, tier, colour)}": colour for colour in COLOURS for tier in TIERS}
    statuses: defaultdict[Colour, list[int]] = defaultdict(list)
    latencies: defaultdict[Colour, list[float]] = defaultdict(list)
    for line in counts_file(instance).read_text(encoding="ascii").splitlines():
        at, _, tries = line.partition("|")
        if float(at) < since:
            continue
        for address, status, seconds in _tries(tries):
            colour = owner.get(address[address.rfind(":") :])
            if colour is None or status == "-":
                continue  # the client left before there was an answer
            statuses[colour].append(int(status))
            if seconds != "-":
                latencies[colour].append(float(seconds))
    return {colour: _figures(statuses[colour], latencies[colour]) for colour in COLOURS}


def _tries(text: str) -> Iterator[tuple[str, str, str]]:
    """Address, status and seconds of each try: nginx lists them with commas, after a redirection colons."""
    lists = [part.replace(" : ", ", ").split(", ") for part in text.split("|")]
    return zip(*lists, strict=True)


def _figures(statuses: Sequence[int], latencies: list[float]) -> Figures:
    latencies.sort()
    return Figures(
        requests=len(statuses),
        errors=sum(status >= HTTPStatus.INTERNAL_SERVER_ERROR for status in statuses),
        latency_p50_s=_quantile(latencies, 0.5),
        latency_p95_s=_quantile(latencies, 0.95),
    )


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """Nearest rank."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None


class _Control(HTTPConnection):
    """HTTP through the proxy's socket."""

    def __init__(self, file: Path) -> None:
        super().__init__("proxy", timeout=5.0)
        self._file = file

    def connect(self) -> None:
        with ExitStack() as undone:
            self.sock = undone.enter_context(socket.socket(socket.AF_UNIX))
            self.sock.settimeout(self.timeout)
            self.sock.connect(str(self._file))
            undone.pop_all()


@contextmanager
def _control(instance: Instance) -> Iterator[_Control]:
    with closing(_Control(control_socket(instance))) as control:
        yield control


def _post(control: _Control, path: str) -> None:
    try:
        control.request("POST", path)
        answer = control.getresponse()
        answer.read()
        refusal = None if answer.status == HTTPStatus.NO_CONTENT else f"it answers {answer.status}"
    except (OSError, HTTPException) as error:
        refusal = str(error)
    if refusal is not None:
        raise OperationsError(
            f"The proxy does not take changes of the traffic ({refusal}). `signalcraft up` restarts one of an"
            " older release."
        )


_CONFIGURATION = """\
    # Which colour takes a request: the owner of the slot that it draws. One browser draws always the same
    # slot: a page of one release never asks for scripts of the other.
    map $http_user_agent $draw {{
        '~^Mozilla/' "$remote_addr $http_user_agent";
        default $request_id;
    }}
    split_clients $draw $slot {{
{slots}
        * {last_slot};
    }}
    keyval_zone zone=slots:64k;
    keyval $slot $slot_owner zone=slots;
    map $slot $owner_at_start {{
        include "{table}";
    }}
    # Two ports lead to one colour only, to try a release before anybody else does.
    map $server_port $only_colour {{
{own_ports}
        default '';
    }}
    # (`set` replaces it when the request is sent again.)
    map "$only_colour $slot_owner" $colour {{
        '~^(?<only>[a-z]+) '  $only;
        '~^ (?<owner>[a-z]+)' $owner;
        default $owner_at_start;
    }}
    # When a tier refuses the connection the other colour is asked, if it has a share of the traffic: green's
    # slots are the first ones, blue's the last.
    keyval '0' $first_owner zone=slots;
    keyval '{last_slot}' $last_owner zone=slots;
    map '0' $first_at_start {{
        include "{table}";
    }}
    map '{last_slot}' $last_at_start {{
        include "{table}";
    }}
    map "$only_colour,$colour,$first_owner,$last_owner" $next_colour {{
        volatile;
        '~^,blue,(?<first>[a-z]+),' $first;
        '~^,green,.*,(?<last>[a-z]+)$' $last;
        '~^,blue,'  $first_at_start;
        '~^,green,' $last_at_start;
        default $colour;
    }}
    # The other colour is asked at once; after that, one of the two is on its way back.
    map "$colour $next_colour $upstream_bytes_sent" $next_pause {{
        volatile;
        '~^(?:blue green|green blue) 0$' 0;
        default {pause};
    }}
    # What is counted, while it is counted: by colour, status and time to the head of the answer.
    keyval_zone zone=switches:64k timeout=1h;
    keyval 'counting' $counting zone=switches;
    map "$counting $only_colour" $is_counted {{
        'on ' 1;
        default '';
    }}
    log_format counts '$msec|$upstream_addr|$upstream_status|$upstream_header_time';
    access_log "{counts}" counts buffer=64k flush=200ms if=$is_counted;

    # Changes, from `set_weights` and `counted`.
    keyval $written_slot $written_owner zone=slots;
    server {{
        listen unix:{control};
        access_log off;
        location ~ ^/slots/(?<written_slot>[0-9]+)/(?<new_owner>blue|green)$ {{
            set $written_owner $new_owner;
            return 204;
        }}
        location ~ ^/counting/(?<new_counting>on|off)$ {{
            set $counting $new_counting;
            return 204;
        }}
        # Of `proxy_numbers.py`.
        location = /errors {{ js_content errors.tell; }}
        location / {{ return 404; }}
    }}
"""
