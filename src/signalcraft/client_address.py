"""Where a request comes from: what our own proxy says, and what nobody else does."""

import ipaddress

PROXY = "127.0.0.1"
"""The proxy runs on this machine; both tiers listen on the loopback alone."""


def client_address(peer: str | None, forwarded_for: str | None) -> str | None:
    """The client's address.

    Parameters
    ----------
    peer : the other end of the connection.
    forwarded_for : the request's X-Forwarded-For. The proxy overwrites it with one address; from any other
        peer, and where it is not one address, it is not believed.
    """
    if peer != PROXY or not forwarded_for:
        return peer
    try:
        return str(ipaddress.ip_address(forwarded_for.strip()))
    except ValueError:
        return peer
