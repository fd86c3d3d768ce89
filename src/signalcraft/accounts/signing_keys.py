"""The keys that sign access tokens: one signs, those before it verify until their last token has expired.

The first key is a setting. `signalcraft keys rotate` puts each further one into `<data_dir>/keys`, a file
named by the moment it was made. Every process looks at that folder's time of change before it uses a key, so
a new key counts everywhere at once and nobody has to be restarted. The database holds no private key.
"""

import base64
import hashlib
import hmac
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from signalcraft.settings import get_settings

LEEWAY = timedelta(seconds=5)
"""Clocks of two hosts behind one proxy may differ by this much."""

_NAME = "%Y-%m-%dT%H-%M-%S.%fZ.pem"


@dataclass(frozen=True)
class SigningKey:
    """One key pair. `replaced_at` is when the next one was made, None for the one that signs."""

    key_id: str
    private: Ed25519PrivateKey
    made_at: datetime | None
    replaced_at: datetime | None = None

    @property
    def public(self) -> Ed25519PublicKey:
        return self.private.public_key()

    def verifies(self, now: datetime) -> bool:
        """Whether a token signed with it may still be valid."""
        lifetime = timedelta(seconds=get_settings().access_token_seconds)
        return self.replaced_at is None or now <= self.replaced_at + lifetime + LEEWAY

    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key (RFC 8037)."""
        x = base64.urlsafe_b64encode(self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=")
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": x.decode(),
            "kid": self.key_id,
            "use": "sig",
            "alg": "EdDSA",
        }


class KeyRing:
    """All keys of an instance, newest last; safe for threads.

    Parameters
    ----------
    first : the key of the settings.
    folder : where further ones are; it need not exist.
    """

    def __init__(self, first: Ed25519PrivateKey, folder: Path) -> None:
        self._first, self._folder = first, folder
        self._lock = threading.Lock()
        self._read_at: int | None = -1
        self._keys: Sequence[SigningKey] = ()
        self._by_id: dict[str, SigningKey] = {}

    def signing(self) -> SigningKey:
        """The key that signs."""
        return self._current()[-1]

    def verifying(self, key_id: str, now: datetime) -> SigningKey | None:
        """The key of that name, if tokens signed with it are still to be believed."""
        self._current()
        key = self._by_id.get(key_id)
        return key if key is not None and key.verifies(now) else None

    def published(self, now: datetime) -> list[SigningKey]:
        """The keys that others need to verify our tokens."""
        return [key for key in self._current() if key.verifies(now)]

    def rotate(self, now: datetime) -> SigningKey:
        """Make the next key, which signs from now on, and delete those that verify nothing any more."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        unfinished = self._folder / f".{os.getpid()}"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
        unfinished.rename(self._folder / now.astimezone(UTC).strftime(_NAME))
        for key in self._current():
            if key.made_at is not None and not key.verifies(now):
                (self._folder / key.made_at.strftime(_NAME)).unlink(missing_ok=True)
        return self.signing()

    def _current(self) -> Sequence[SigningKey]:
        try:
            changed_at: int | None = os.stat(self._folder).st_mtime_ns
        except FileNotFoundError:
            changed_at = None
        if changed_at != self._read_at:
            with self._lock:
                self._keys = _chain(self._first, self._files())
                self._by_id = {key.key_id: key for key in self._keys}
                self._read_at = changed_at
        return self._keys

    def _files(self) -> Iterable[tuple[datetime, Ed25519PrivateKey]]:
        for file in sorted(self._folder.glob("*Z.pem")):
            yield datetime.strptime(file.name, _NAME).replace(tzinfo=UTC), _ed25519(file.read_bytes())


def _chain(
    first: Ed25519PrivateKey, others: Iterable[tuple[datetime, Ed25519PrivateKey]]
) -> Sequence[SigningKey]:
    """The keys in their order, each with the moment at which the next one replaced it."""
    made: list[tuple[datetime | None, Ed25519PrivateKey]] = [(None, first), *others]
    ends = [made_at for made_at, _ in made[1:]] + [None]
    return [
        SigningKey(_key_id(private), private, made_at, replaced_at)
        for (made_at, private), replaced_at in zip(made, ends, strict=True)
    ]


def _key_id(private: Ed25519PrivateKey) -> str:
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.urlsafe_b64encode(hashlib.sha256(public).digest()[:9]).decode()


def _ed25519(pem: bytes) -> Ed25519PrivateKey:
    private = load_pem_private_key(pem, password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("a signing key must be an Ed25519 private key")
    return private


def _first_key() -> Ed25519PrivateKey:
    return _ed25519(base64.b64decode(get_settings().token_signing_key.get_secret_value()))


@lru_cache(maxsize=1)
def key_ring() -> KeyRing:
    """The keys of this instance."""
    return KeyRing(_first_key(), get_settings().data_dir / "keys")


@lru_cache(maxsize=1)
def refresh_chain_key() -> bytes:
    """Key of the derivation of refresh tokens; it comes from the first key and outlives every rotation."""
    return hmac.digest(_first_key().private_bytes_raw(), b"refresh token chain", "sha256")
