"""What can go wrong with mail."""

from signalcraft.errors import SignalCraftError


class UndeliveredMailError(SignalCraftError):
    """The mail could not be handed over; it is tried again."""

    title = "The mail could not be delivered"
