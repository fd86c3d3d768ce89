"""What it costs the proxy to draw a colour for each request: processor time of its worker.

    .venv/bin/python -m benchmarks.operations.share_of_traffic

The proxy's own configuration is measured beside two others that are made from it: one that always asks blue,
and one that draws by a script (njs) with the weights in a shared dictionary. Another nginx answers at once
where the tiers would. The variants take turns; the best round of each counts.
"""

import json
import os
import socket
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from signalcraft.clock import iso, utc_now
from signalcraft.operations import instance, proxy
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import TIERS, tier_port
from signalcraft.operations.tiers import READING_PATH

_PORTS = ("SIGNALCRAFT_GATEWAY_PORT", "SIGNALCRAFT_API_PORT", "SIGNALCRAFT_LINK_PORT")
_AT_ONCE = 20
"""Requests that are sent before their answers are read: the client's own time stays small."""
_BODY = b'{"device_id":"esp32-000001","temperature":4.2,"humidity":55.1,"current":3.1,"vibration":0.02}'
_REQUEST = (
    f"POST {READING_PATH} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
    f"User-Agent: ESP32HTTPClient\r\nContent-Length: {len(_BODY)}\r\n\r\n"
).encode() + _BODY

_SCRIPT = """\
function colour() {
    return Math.random() * 100 < ngx.shared.weights.get('green') ? 'green' : 'blue';
}
export default {colour};
"""
_BY_SCRIPT = """\
http {{
    js_path "{folder}";
    js_import drawing from drawing.js;
    js_shared_dict_zone zone=weights:64k type=number;
    js_set $scripted drawing.colour;
"""


def main(
    requests: Annotated[int, typer.Option(min=1000, help="In each round.")] = 40_000,
    rounds: Annotated[int, typer.Option(min=1)] = 7,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure, in a folder that is removed in the end."""
    used_us: defaultdict[str, list[float]] = defaultdict(list)
    with _own_folder() as here:
        (here.proxy_dir / "drawing.js").write_text(_SCRIPT)
        with _tiers(here):
            for _ in range(rounds):
                for name, change in _variants(here).items():
                    used_us[name].append(_measure(here, change, requests))
    best = {name: round(min(figures), 1) for name, figures in used_us.items()}
    middle = {name: round(median(figures), 1) for name, figures in used_us.items()}
    for name in best:
        print(f"{name:10} {best[name]:6.1f} us a request at best, {middle[name]:6.1f} us in the middle")
    if json_file is not None:
        document = {
            "measured_at": iso(utc_now()),
            "cores": os.cpu_count(),
            "best_us": best,
            "median_us": middle,
        }
        json_file.write_text(json.dumps(document, indent=2) + "\n")


@contextmanager
def _own_folder() -> Iterator[Instance]:
    """An instance of which nothing runs but the proxy."""
    with tempfile.TemporaryDirectory(prefix="sc-bench-", dir="/tmp") as folder, ExitStack() as probes:
        os.environ["SIGNALCRAFT_DATA_DIR"] = folder
        taken = [probes.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in _PORTS]
        os.environ.update({name: str(one.getsockname()[1]) for name, one in zip(_PORTS, taken, strict=True)})
        here = instance.make()
        probes.close()
        yield here


def _variants(here: Instance) -> dict[str, Callable[[str], str]]:
    """How each configuration is made from the proxy's own."""
    script = _BY_SCRIPT.format(folder=here.proxy_dir)
    return {
        "always blue": lambda text: text.replace("_$colour;", "_blue;"),
        "drawn": lambda text: text,
        "by script": lambda text: text.replace("http {\n", script, 1).replace("_$colour;", "_$scripted;"),
    }


def _measure(here: Instance, change: Callable[[str], str], requests: int) -> float:
    """Microseconds of the proxy's worker for each request."""
    proxy.prepare(here)
    file = here.proxy_dir / "nginx.conf"
    endless = file.read_text().replace("http {\n", "http {\nkeepalive_requests 1000000000;\n", 1)
    file.write_text(change(endless))
    with _running(list(proxy.command(here))) as master, _connected(here.settings.gateway_port) as client:
        worker = int(Path(f"/proc/{master}/task/{master}/children").read_text().split()[0])
        _send(client, 2000)
        before = _used_s(worker)
        _send(client, requests)
        return (_used_s(worker) - before) / requests * 1e6


def _send(client: socket.socket, count: int) -> None:
    for _ in range(count // _AT_ONCE):
        client.sendall(_REQUEST * _AT_ONCE)
        answered = 0
        while answered < _AT_ONCE:
            if not (answer := client.recv(65_536)):
                raise ConnectionError("the proxy has closed the connection")
            answered += answer.count(b"HTTP/1.1 200")


def _used_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _tiers(here: Instance) -> Iterator[None]:
    """Another nginx at the ports of blue's and green's tiers, which answers 200 to everything."""
    base = here.settings.internal_port_base
    listens = "".join(
        f"listen 127.0.0.1:{tier_port(base, tier, colour)};" for tier in TIERS for colour in ("blue", "green")
    )
    folders = "".join(
        f"{name}_temp_path {here.run_dir}/tiers;"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = here.run_dir / "tiers.conf"
    file.write_text(
        f"daemon off; worker_processes 1; pid {here.run_dir}/tiers.pid; lock_file {here.run_dir}/tiers.lock;"
        f" error_log stderr warn; events {{}} http {{ access_log off; keepalive_requests 100000000; {folders}"
        f" server {{ {listens} location / {{ return 200 ok; }} }} }}"
    )
    nginx = proxy.command(here)[5]
    with _running([nginx, "-p", str(here.run_dir), "-e", "stderr", "-c", str(file)]):
        yield


@contextmanager
def _running(command: list[str]) -> Iterator[int]:
    server = subprocess.Popen(command)
    try:
        time.sleep(0.5)
        yield server.pid
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        yield client


if __name__ == "__main__":
    typer.run(main)
