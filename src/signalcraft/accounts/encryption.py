"""Encrypting what must be read again, so that a copy of the database alone gives nothing away."""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from signalcraft.settings import get_settings


class UnreadableSecretError(RuntimeError):
    """It was encrypted with a key that is not among the settings any more, or for another purpose."""


def encrypt(purpose: str, secret: str) -> bytes:
    """The secret, readable again only with our keys and the same `purpose` (`second_factor:12`)."""
    return _keys().encrypt(f"{purpose}\n{secret}".encode())


def decrypt(purpose: str, encrypted: bytes, *, within_seconds: int | None = None) -> str:
    """The secret that was encrypted for this purpose, not longer ago than `within_seconds`.

    Raises
    ------
    UnreadableSecretError
        It was encrypted with other keys, for another purpose, too long ago, or it was changed.
    """
    try:
        found, _, secret = _keys().decrypt(encrypted, ttl=within_seconds).decode().partition("\n")
    except InvalidToken as error:
        raise UnreadableSecretError("a secret cannot be decrypted") from error
    if found != purpose:
        raise UnreadableSecretError("a secret was encrypted for another purpose")
    return secret


@lru_cache(maxsize=1)
def _keys() -> MultiFernet:
    keys = get_settings().encryption_keys.get_secret_value().split(",")
    return MultiFernet([Fernet(key.strip()) for key in keys])
