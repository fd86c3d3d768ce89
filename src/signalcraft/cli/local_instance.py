"""The instance on this host, for commands that talk to it as a client."""

import sys

import typer

from signalcraft.operations import instance
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.ports import LOOPBACK
from signalcraft.settings import Settings


def local_settings() -> Settings:
    """The settings of this host's instance; where there is none, says so and ends the command."""
    try:
        return instance.load().settings
    except OperationsError as error:
        print(f"signalcraft: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def public_url(settings: Settings, port: int) -> str:
    """Where this host reaches one of the instance's public ports."""
    wildcard = settings.bind_address in {"0.0.0.0", "::"}  # noqa: S104  # compared, not bound
    return f"http://{LOOPBACK if wildcard else settings.bind_address}:{port}"
