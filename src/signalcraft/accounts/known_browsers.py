"""Browsers that an account has signed in from before: guessing by others does not slow them down.

The cookie proves nothing but that; it opens no session. OWASP calls it a device cookie.
"""

import secrets

from signalcraft.accounts.encryption import UnreadableSecretError, decrypt, encrypt

COOKIE = "sc_browser"
LIFETIME_SECONDS = 180 * 86_400
"""Whoever has not signed in for half a year is a stranger again."""


def issue(user_id: int) -> str:
    """The cookie's value for a browser in which this person has just signed in."""
    return encrypt(_purpose(user_id), secrets.token_hex(8)).decode()


def source_of(cookie: str | None, user_id: int | None, address: str) -> str:
    """What to slow down when a password for this account is wrong: the known browser, else the address."""
    if cookie and user_id is not None:
        try:
            nonce = decrypt(_purpose(user_id), cookie.encode(), within_seconds=LIFETIME_SECONDS)
            return f"browser:{nonce}"
        except UnreadableSecretError:
            pass
    return address


def _purpose(user_id: int) -> str:
    return f"known_browser:{user_id}"
