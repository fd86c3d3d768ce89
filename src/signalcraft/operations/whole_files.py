"""Small files of the instance that somebody else may read at any moment."""

import os
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Replace a file in one step and for good, readable by its owner only.

    Whoever reads it finds the old text or the new, also after the power was cut; never half of one.
    """
    new = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
