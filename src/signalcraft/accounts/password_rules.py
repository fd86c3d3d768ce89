"""Which passwords are accepted (OWASP ASVS 5.0, 6.2): long enough and not among the first that are tried.

No rule says which characters a password must be made of, and none expires.
"""

import gzip
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from signalcraft.errors import InvalidInputError

SHORTEST, LONGEST = 8, 128
"""Characters, counted after normalisation."""

_LIST = Path(__file__).parent / "data" / "common_passwords.txt.gz"
"""8,354 of the 20,000 passwords most often found in breaches: those of at least eight characters, lower case.
From Django 5.2 (`django/contrib/auth/common-passwords.txt.gz`, BSD licence), which has them from Royce
Williams' list."""
_CONTEXT = ("signalcraft",)
_SHORTEST_CONTEXT = 4
"""A name of three letters is in many good passwords."""


def normalised(password: str) -> str:
    """The password as it is hashed: the same characters, however a keyboard composes them (NFC).

    What keyboards send, Korean ones too, nearly always has this form already, so older hashes still match.
    """
    return unicodedata.normalize("NFC", password)


def require_acceptable(password: str, *, field: str, context: Iterable[str | None] = ()) -> None:
    """Refuse a new password that is too short, too long or too easily guessed.

    Parameters
    ----------
    field : the input that holds it, as the caller wrote it.
    context : what an attacker knows of the person, such as user name and e-mail.

    Raises
    ------
    InvalidInputError
        Says why in Korean and English.
    """
    password = normalised(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInputError(
            f"A password has {SHORTEST} to {LONGEST} characters."
            f" 비밀번호는 {SHORTEST}자 이상 {LONGEST}자 이하여야 합니다.",
            field=field,
        )
    folded = password.casefold()
    if folded in common_passwords() or len(set(folded)) == 1 or _is_from_context(folded, context):
        raise InvalidInputError(
            "This password is among the first that are tried: please choose another one."
            " 쉽게 추측되는 비밀번호입니다. 다른 비밀번호를 선택해 주세요.",
            field=field,
        )


def _is_from_context(folded: str, context: Iterable[str | None]) -> bool:
    """Whether little is left of the password once what everybody knows is taken out."""
    for word in (*_CONTEXT, *(part for text in context if text for part in (text, text.partition("@")[0]))):
        word = word.casefold()
        if len(word) >= _SHORTEST_CONTEXT and len(folded.replace(word, "")) < _SHORTEST_CONTEXT:
            return True
    return False


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """The list, read at its first use."""
    return frozenset(gzip.decompress(_LIST.read_bytes()).decode().splitlines())
