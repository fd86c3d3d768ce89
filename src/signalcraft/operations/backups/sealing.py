"""Compressed, and encrypted where somebody is named to read it: what is stored of a backup, and back.

Encryption is age's (X25519, ChaCha20-Poly1305), so that a backup opens without this program too:
`age --decrypt -i KEY FILE | zstd -d`.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import zstandard
from pyrage import DecryptError, IdentityError, decrypt_io, encrypt_io, x25519

from signalcraft.operations.backups.destination import Sink, Source, copy
from signalcraft.operations.errors import OperationsError

_LEVEL = 3
"""zstd's own default: higher levels cost more time than a disk or a network gains."""

Identity: TypeAlias = Any
"""A private key; `pyrage` has no types."""


@dataclass(frozen=True)
class Seal:
    """Who can open what is written; nobody named: everybody who gets at it."""

    recipients: tuple[str, ...]

    @property
    def encrypts(self) -> bool:
        return bool(self.recipients)

    def suffix(self) -> str:
        return ".zst.age" if self.encrypts else ".zst"

    def write(self, source: Source, sink: Sink, *, also: Sequence[Identity] = ()) -> None:
        """Compress and encrypt everything of `source`; whoever has one of `also` may read it too."""
        compressed = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).stream_reader(source)  # type: ignore[arg-type]
        if not self.encrypts:
            copy(compressed, sink)
            return
        keys = [x25519.Recipient.from_str(key) for key in self.recipients]
        encrypt_io(compressed, sink, [*keys, *(identity.to_public() for identity in also)])

    def write_bytes(self, data: bytes) -> bytes:
        sink = io.BytesIO()
        self.write(io.BytesIO(data), sink)
        return sink.getvalue()


def open_into(source: Source, sink: Any, *, encrypted: bool, identities: Sequence[Identity]) -> None:
    """Decrypt and decompress everything of `source` into `sink`.

    Raises
    ------
    OperationsError
        It needs an identity that is not there, or it is damaged.
    """
    if encrypted and not identities:
        raise OperationsError("The backup is encrypted: name the private key's file with --identity.")
    plain = _Plain(sink)
    try:
        if encrypted:
            decrypt_io(source, plain, list(identities))
        else:
            copy(source, plain)
    except BrokenPipeError:
        raise
    except (DecryptError, zstandard.ZstdError, OSError) as error:
        raise OperationsError(f"A file of the backup does not open: {error}. Is it the right key?") from error
    if not plain.whole:
        raise OperationsError("A file of the backup does not open: its end is missing.")


def open_bytes(data: bytes, *, encrypted: bool, identities: Sequence[Identity]) -> bytes:
    sink = io.BytesIO()
    open_into(io.BytesIO(data), sink, encrypted=encrypted, identities=identities)
    return sink.getvalue()


def new_identity() -> Identity:
    """A private key that nobody else has."""
    return x25519.Identity.generate()


def read_identities(file: Path) -> list[Identity]:
    """The private keys of a file as `age-keygen` writes it.

    Raises
    ------
    OperationsError
        There is no such file, or no key in it.
    """
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
        found = [x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, IdentityError) as error:
        raise OperationsError(f"{file} holds no private key of age: {error}.") from None
    if not found:
        raise OperationsError(f"{file} holds no private key of age (AGE-SECRET-KEY-1…).")
    return found


class _Plain:
    """Passes on what compressed bytes stand for, and knows whether they came to their end."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink
        self._frame = zstandard.ZstdDecompressor().decompressobj()

    def write(self, data: bytes, /) -> int:
        self._sink.write(self._frame.decompress(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    @property
    def whole(self) -> bool:
        return bool(self._frame.eof)
