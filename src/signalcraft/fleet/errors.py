"""What can go wrong with devices."""

from signalcraft.errors import ForbiddenError, UnauthenticatedError


class KeyRefusedError(UnauthenticatedError):
    """The same answer for a key that never was, one of another node, and one that was revoked or replaced."""

    title = "The key is not accepted"

    def __init__(self) -> None:
        super().__init__("The key is not one of this device's, or it was revoked.", field="X-Device-Key")


class KeyNeededError(UnauthenticatedError):
    title = "A key is needed"

    def __init__(self) -> None:
        super().__init__(
            "This device sends with its key: X-Device-Key, or Authorization: Bearer.", field="X-Device-Key"
        )


class DeviceRefusedError(ForbiddenError):
    """The device is blocked, or it has no key and sends from where it may not."""
