"""What the proxy says of itself: the errors that left it, and who is connected."""

import socket
import time

import pytest

from signalcraft.operations import proxy_numbers
from signalcraft.operations.instance import Instance
from stand_in_tiers import proxy_of, serving


def test_what_no_tier_answered_is_counted_by_the_tier_that_was_asked(made: Instance) -> None:
    with pytest.raises(FileNotFoundError):
        proxy_numbers.errors(made)
    with proxy_of(made) as client, serving(made, "api"):
        assert client.get("/api/shops").status_code == 200
        assert proxy_numbers.errors(made) == {}
        assert [client.get("/ws/sensors").status_code for _ in range(2)] == [503, 503]
        assert client.post("/api/iot/die").status_code == 502
        assert proxy_numbers.errors(made) == {("link", "503"): 2, ("api", "502"): 1}


def test_connections_of_clients_are_those_to_the_public_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert proxy_numbers.connections({port}) == 0
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            accepted = [server.accept()[0] for _ in range(2)]
            assert proxy_numbers.connections({port}) == 2
            for one in accepted:
                one.close()
        deadline = time.monotonic() + 5
        while proxy_numbers.connections({port}) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert proxy_numbers.connections({port}) == 0
