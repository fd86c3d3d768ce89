"""The traffic between two colours: shares, browsers, refusals, figures. Only the proxy is real."""

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from signalcraft.operations import traffic
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.ports import TIERS, is_free, proxy_port
from signalcraft.operations.tiers import READING_PATH
from stand_in_tiers import HELD, proxy_of, serving


def test_a_growing_share_takes_slots_from_the_other_colour_only() -> None:
    before, after = (traffic.slots({"blue": 100 - share, "green": share}) for share in (5, 25))
    assert Counter(before) == {"blue": 95, "green": 5}
    assert Counter(after) == {"blue": 75, "green": 25}
    assert all(later == "green" for earlier, later in zip(before, after, strict=True) if earlier == "green")


def test_shares_move_while_requests_and_a_stream_go_on(made: Instance) -> None:
    failures: list[str] = []
    seen: Counter[str] = Counter()
    over = threading.Event()

    def ask(url: str) -> None:
        with httpx.Client(base_url=url, timeout=10) as one:
            while not over.is_set():
                for answer in (one.get("/"), one.post("/api/esp32", content=b"x" * 1000)):
                    seen[answer.headers.get("Seen-Colour", "none")] += 1
                    if answer.status_code != 200:
                        failures.append(f"{answer.status_code} {answer.text}")

    with proxy_of(made) as client, ExitStack() as blue, ExitStack() as green:
        gateway = blue.enter_context(serving(made, "gateway"))
        blue.enter_context(serving(made, "api"))
        green.enter_context(serving(made, "gateway", "green"))
        green.enter_context(serving(made, "api", "green"))
        askers = [threading.Thread(target=ask, args=(str(client.base_url),)) for _ in range(3)]
        with client.stream("GET", HELD) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "begun"
            for asker in askers:
                asker.start()
            for share in (5, 50, 100):
                traffic.set_weights(made, {"blue": 100 - share, "green": share})
                time.sleep(0.3)
            before = seen["blue"]
            time.sleep(0.2)
            assert seen["blue"] - before <= len(askers), "only what was under way when the share became none"
            gateway.may_end.set()
            assert next(lines) == "ended", "the stream is where it was"
        blue.close()
        time.sleep(0.2)
        over.set()
        for asker in askers:
            asker.join()
    assert not failures
    assert seen["green"] > 50
    assert seen["blue"] > 20


def test_a_killed_proxy_comes_back_with_the_shares_of_the_moment(made: Instance) -> None:
    with serving(made, "gateway"), serving(made, "gateway", "green"):
        with proxy_of(made) as client:
            client.get("/")
            traffic.set_weights(made, {"blue": 0, "green": 100})
            nginx = int((made.proxy_dir / "nginx.pid").read_text())
            _kill(nginx)
            while not is_free("127.0.0.1", made.settings.gateway_port):
                time.sleep(0.01)
        assert traffic.control_socket(made).exists(), "what a killed nginx leaves behind"
        with proxy_of(made) as client:
            assert {client.get("/").headers["Seen-Colour"] for _ in range(20)} == {"green"}


def test_one_browser_sees_one_release_and_stays_when_the_share_grows(made: Instance) -> None:
    with serving(made, "gateway"), serving(made, "gateway", "green"), proxy_of(made) as client:

        def colour_of(browser: int) -> str:
            name = {"User-Agent": f"Mozilla/5.0 (browser {browser})"}
            seen = {client.get("/", headers=name).headers["Seen-Colour"] for _ in range(4)}
            assert len(seen) == 1
            return seen.pop()

        client.get("/")
        traffic.set_weights(made, {"blue": 60, "green": 40})
        before = [colour_of(browser) for browser in range(30)]
        traffic.set_weights(made, {"blue": 30, "green": 70})
        after = [colour_of(browser) for browser in range(30)]
        random = Counter(client.get("/").headers["Seen-Colour"] for _ in range(60))
    assert set(before) == {"blue", "green"}
    assert all(later == "green" for earlier, later in zip(before, after, strict=True) if earlier == "green")
    assert after.count("green") > before.count("green")
    assert min(random.values()) >= 5


def test_a_colour_that_refuses_is_passed_over_and_counted(made: Instance) -> None:
    with ExitStack() as stack:
        for tier in TIERS:
            stack.enter_context(serving(made, tier))
        client = stack.enter_context(proxy_of(made))
        client.get("/")
        traffic.set_weights(made, {"blue": 50, "green": 50})
        with traffic.counted(made):
            began = time.monotonic()
            for path in ("/", "/api/esp32", READING_PATH) * 10:
                answer = client.post(path, content=b"{}")
                assert (answer.status_code, answer.headers.get("Seen-Colour")) == (200, "blue"), path
            assert time.monotonic() - began < 2, "without the pause for a tier that restarts"
            time.sleep(0.5)
            counted = traffic.figures(made)
            later = traffic.figures(made, since=time.time())
    blue, green = counted["blue"], counted["green"]
    assert green.errors == green.requests > 3
    assert green.latency_p50_s is None
    assert blue.requests >= 30
    assert blue.latency_p95_s is not None
    assert later["blue"].requests == 0


def test_a_colour_without_a_share_is_never_asked_but_at_its_own_port(made: Instance) -> None:
    base = made.settings.internal_port_base
    with serving(made, "gateway", "green"), proxy_of(made) as client:
        own = client.get(f"http://127.0.0.1:{proxy_port(base, 'green')}/")
        with ExitStack() as stack:
            late = threading.Timer(0.7, lambda: stack.enter_context(serving(made, "gateway")))
            late.start()
            waited = client.get("/")
            late.join()
            other = client.get(f"http://127.0.0.1:{proxy_port(base, 'blue')}/")
    assert [answer.headers["Seen-Colour"] for answer in (own, waited, other)] == ["green", "blue", "blue"]


def test_a_proxy_that_does_not_run_takes_the_shares_when_it_starts(made: Instance) -> None:
    traffic.set_weights(made, {"blue": 0, "green": 100})
    with serving(made, "gateway", "green"), proxy_of(made) as client:
        assert client.get("/").headers["Seen-Colour"] == "green"
    with serving_nothing(made), pytest.raises(OperationsError, match="does not take changes"):
        traffic.set_weights(made, {"blue": 100, "green": 0})


@contextmanager
def serving_nothing(made: Instance) -> Iterator[None]:
    """Something other than our proxy has the public port."""
    with socket.create_server(("127.0.0.1", made.settings.gateway_port)):
        yield


def test_shares_that_are_none_are_refused(made: Instance) -> None:
    with pytest.raises(ValueError, match="shares of 100"):
        traffic.set_weights(made, {"blue": 90, "green": 20})
    assert traffic.weights(made) == {"blue": 100, "green": 0}


def _kill(master: int) -> None:
    """As `launch` finds it after a SIGKILL: the master is gone without a word, its worker too."""
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    for pid in (master, *map(int, workers)):
        os.kill(pid, signal.SIGKILL)
