"""What can go wrong while the system is started, stopped or looked at."""


class OperationsError(Exception):
    """A sentence for the operator: what is wrong and what to do about it."""
