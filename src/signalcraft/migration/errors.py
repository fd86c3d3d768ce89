"""What keeps the migration from going on, as a sentence for the operator."""


class MigrationError(Exception):
    """The command ends with this sentence; whatever was done until then stays, and running again goes on."""


class UnreadableFileError(MigrationError):
    """One file cannot be read at all; the others are not concerned.

    Parameters
    ----------
    kind : `empty`, `not_sqlite`, `encrypted`, `truncated`, `locked` or `unreadable`.
    """

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind
