"""Where somebody signed in from, told so that they recognise it: browser and system, not a fingerprint."""

from dataclasses import dataclass

USER_AGENT_LIMIT = 400
"""Characters of a User-Agent that are kept; longer ones are not written by browsers."""

# The first that occurs counts: browsers name those they descend from as well.
_PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Whale/", "Whale"),
    ("KAKAOTALK", "KakaoTalk"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class Place:
    """Network address of a request, and the User-Agent that it says to come from."""

    address: str
    user_agent: str


def device_name(user_agent: str) -> str:
    """`Chrome, Android`; of a program its own name; empty where nothing was said."""
    program = next((name for mark, name in _PROGRAMS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if program:
        return ", ".join(filter(None, (program, system)))
    return user_agent.partition("/")[0].strip()[:40]
