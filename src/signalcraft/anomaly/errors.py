"""What can be wrong with a baseline."""


class BaselineError(Exception):
    """A baseline cannot be learned, read or applied; the text says why, in English."""
