"""A wire to a server that can be made slow, stuck, lossy or dead: a TCP proxy in a thread of its own."""

import asyncio
import random
import socket
import struct
import threading
from contextlib import suppress

from signalcraft.operations.ports import LOOPBACK

_CHUNK = 64 * 1024
_LOOK_SECONDS = 0.02
_TCP_REPAIR = 19
"""Linux's option for moving a socket to another machine: closed under it, it tells the other end nothing."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, no seconds: closing sends a reset."""


class Wire:
    """From `port` on this host to the server on `target`. What befalls it is set from any thread.

    delay_s : how much longer each piece of data takes. is_stuck : nothing passes and nothing is lost.
    loss : share of the pieces that reset their connection instead of arriving.
    is_dead : new connections are reset.
    """

    def __init__(self, target: int) -> None:
        self.delay_s, self.loss, self.is_stuck, self.is_dead = 0.0, 0.0, False, False
        self._target = target
        self._chance = random.Random(target)
        self._near: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        listening = asyncio.start_server(self._carry, LOOPBACK, 0, backlog=512)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Reset every connection."""
        self._loop.call_soon_threadsafe(self._end_all)

    def forget(self) -> None:
        """The server's end of each open connection vanishes without a word, as with a host that lost power.

        Raises
        ------
        PermissionError
            It takes CAP_NET_ADMIN.
        """
        with socket.socket() as probe:
            probe.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
        self._loop.call_soon_threadsafe(self._vanish)

    def close(self) -> None:
        """End all of it."""

        def end() -> None:
            self._server.close()
            self._end_all()
            self._loop.call_later(0.2, self._loop.stop)  # when the pumps have seen it

        self._loop.call_soon_threadsafe(end)
        self._thread.join()
        self._loop.close()

    async def _carry(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        if self.is_dead:
            _reset(near)
            return
        try:
            from_server, far = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            _reset(near)
            return
        self._near.add(near)
        try:
            await asyncio.gather(self._pump(reader, far), self._pump(from_server, near))
        except (OSError, EOFError):
            _reset(near)
        finally:
            self._near.discard(near)
            for writer in (near, far):
                writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one direction to its end.

        Raises
        ------
        EOFError
            It is over, or was lost.
        """
        while data := await reader.read(_CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            while self.is_stuck:
                await asyncio.sleep(_LOOK_SECONDS)
            if self.loss and self._chance.random() < self.loss:
                raise EOFError
            writer.write(data)
            await writer.drain()
        raise EOFError

    def _end_all(self) -> None:
        for near in list(self._near):
            _reset(near)

    def _vanish(self) -> None:
        for near in list(self._near):
            with suppress(OSError):
                near.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
            near.transport.abort()


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
