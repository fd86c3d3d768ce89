"""One node's socket: its messages one after the other, each answered once it is safe."""

from time import monotonic

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from signalcraft import metrics
from signalcraft.clock import utc_now
from signalcraft.errors import InvalidInputError, TooManyRequestsError
from signalcraft.fleet.admission import Caller
from signalcraft.fleet.keys import KEY_HEADER, shown_key
from signalcraft.link import messages
from signalcraft.link.connections import (
    CONNECTIONS_LIMIT,
    POLICY,
    TRY_LATER,
    Connection,
    Connections,
)
from signalcraft.link.intake import Intake
from signalcraft.link.messages import CommandAck, DeviceInfo, Heartbeat, Message, SensorData
from signalcraft.link.reports import Reports
from signalcraft.ratelimits.service import require_message
from signalcraft.telemetry.items import is_device_id

ERRORS_LIMIT = 20
"""Unreadable messages in a row; who sends more is no node."""

_KINDS: dict[type[Message], str] = {
    SensorData: "sensor_data",
    DeviceInfo: "device_info",
    Heartbeat: "heartbeat",
    CommandAck: "command_ack",
}


class Sockets:
    """What happens on a socket."""

    def __init__(self, connections: Connections, intake: Intake, reports: Reports) -> None:
        self._connections = connections
        self._intake = intake
        self._reports = reports

    async def serve(self, socket: WebSocket) -> None:
        """From the hand-shake to the end. The next message is read when the last one is answered."""
        await socket.accept()
        address = socket.client.host if socket.client else None
        key = shown_key(socket.headers.get(KEY_HEADER), socket.headers.get("Authorization"))
        connection = Connection(socket, key, address)
        if len(self._connections) >= CONNECTIONS_LIMIT:
            await socket.close(TRY_LATER, messages.come_back())
            return
        self._connections.add(connection)
        try:
            await self._listen(connection)
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the node is gone
        finally:
            self._connections.remove(connection)
            self._reports.forget(connection)

    async def _listen(self, connection: Connection) -> None:
        errors = 0
        while errors < ERRORS_LIMIT:
            text = await _receive(connection.socket)
            connection.heard_at = monotonic()
            try:
                if text is None:
                    raise InvalidInputError("Send text, not binary frames.")
                message = messages.decode(text)
                self._recognise(connection, message.device_id)
                require_message(message.device_id, connection.key, connection.address)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                errors += 1
                await connection.send({"type": "error", "message": str(error)[:200]})
            except InvalidInputError as error:
                errors += 1
                await connection.send(messages.refused(None, error))
            except TooManyRequestsError as error:
                await connection.send(messages.refused(message, error))
            else:
                errors = 0
                metrics.NODE_MESSAGES.labels(_KINDS[type(message)]).inc()
                await self._answer(connection, message)
        # Waited for: a server that sees the application end first says that it failed.
        await connection.socket.close(POLICY, "too many messages that cannot be read")

    def _recognise(self, connection: Connection, device_id: str) -> None:
        """A socket is one node's: the name of its first message holds for all."""
        if connection.caller is None:
            if not is_device_id(device_id):
                raise InvalidInputError("The name of the device is not acceptable.", field="device_id")
            self._connections.introduce(connection, Caller(device_id, connection.key, connection.address))
            self._reports.tell(connection)
        elif connection.caller.device_id != device_id:
            raise InvalidInputError("This socket is another device's.", field="device_id")
        elif self._connections.is_rivalled(connection, connection.caller):
            self._reports.conflict(connection)

    async def _answer(self, connection: Connection, message: Message) -> None:
        match message:
            case SensorData():
                assert connection.caller is not None  # noqa: S101  # `_recognise` has set it
                refusal = await self._intake.store(message.item(), connection.caller)
                answer = messages.stored(message) if refusal is None else messages.refused(message, refusal)
                await connection.send(answer)
            case DeviceInfo():
                self._reports.tell(
                    connection,
                    boot_id=message.boot_id,
                    firmware_version=message.firmware_version,
                    hardware_version=message.hardware_version,
                )
                await connection.send(messages.hello(message.device_id, utc_now().timestamp()))
            case Heartbeat():
                self._reports.tell(
                    connection,
                    boot_id=message.boot_id,
                    uptime_ms=message.uptime,
                    free_heap_bytes=message.free_heap,
                    rssi_dbm=message.wifi_rssi,
                )
            case CommandAck():
                self._reports.acknowledge(connection, message)


async def _receive(socket: WebSocket) -> str | None:
    """The next message, None where it is binary."""
    event = await socket.receive()
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event.get("code", 1000))
    text: str | None = event.get("text")
    return text
