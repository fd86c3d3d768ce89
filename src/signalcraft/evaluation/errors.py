"""What can be wrong with an evaluation."""


class EvaluationError(Exception):
    """The data cannot be evaluated; the text says why, in English."""
