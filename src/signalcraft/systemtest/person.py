"""What a person does."""

import io
import random
import re
import wave
from array import array

from signalcraft.systemtest.visit import JourneyError, Visit

_STREAM = "/api/notifications/stream"
_PARTS = re.compile(r'<(?:script|link)[^>]* (?:src|href)="(/static/[^"]+\.(?:js|css))"')
_SOUND_HZ = 16_000
_SOUND_S = 2
_SOUND_LEVEL = 3000


def load_page(visit: Visit) -> None:
    """The page comes, with the scripts and styles that it names."""
    parts = sorted(set(_PARTS.findall(visit.send("GET", "/").text)))
    if not any(part.endswith(".js") for part in parts):
        raise JourneyError("the page names no script")
    for part in parts:
        visit.send("GET", part)


def see_overview(visit: Visit) -> None:
    """The first screen shows the shop with its machine."""
    shops = visit.document("GET", "/api/dashboard/overview", headers=visit.as_program)["shops"]
    machines = [shop["machines"] for shop in shops if shop["id"] == visit.credentials.shop_id]
    if not machines or not machines[0]:
        raise JourneyError("the overview does not show the machine")


def sign_in(visit: Visit) -> None:
    """Sign in, renew the session, see oneself, sign out, and be out.

    The tokens come in the answers: where TLS ends in front of us, cookies do not travel over plain HTTP.
    """
    who = visit.credentials
    asked = {"username": who.username, "password": who.password, "delivery": "body"}
    first = visit.document("POST", "/api/auth/login", json=asked)
    tokens = visit.document("POST", "/api/auth/refresh", json={"refresh_token": first["refresh_token"]})
    as_person = {"Authorization": f"Bearer {tokens['access_token']}"}
    if visit.document("GET", "/api/auth/me", headers=as_person)["username"] != who.username:
        raise JourneyError("the session is somebody else's")
    visit.send("POST", "/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
    visit.send("GET", "/api/auth/me", headers=as_person, expect=401)


def follow_events(visit: Visit) -> None:
    """Have a recording analysed, see that told on the open stream, and told again to who comes back."""
    with visit.events(_STREAM) as events:
        position, _ = next(events)
        job = visit.document(
            "POST",
            "/api/ai/analyze",
            expect=202,
            headers=visit.as_program,
            files={"audio": ("probe.wav", _recording())},
        )["job"]["id"]
        seen = next(event_id for event_id, event in events if _finished(event) == job)
    with visit.events(_STREAM, after=position) as events:
        again = next(event_id for event_id, event in events if _finished(event) == job)
    if again != seen:
        raise JourneyError(f"the event had the number {seen}, and {again} when it was resumed")
    result = visit.document("GET", f"/api/ai/jobs/{job}", headers=visit.as_program)["job"]["result"]
    if result is None:
        raise JourneyError("the analysis that was told has no result")


def _finished(event: dict[str, object]) -> object:
    """Which analysis an event says is finished."""
    analysis = event.get("analysis")
    if event.get("type") != "analysis.finished" or not isinstance(analysis, dict):
        return None
    return analysis.get("id")


def _recording() -> bytes:
    """Noise as a WAV file, each time another. Of no machine: nothing learns from it, no alarm comes of it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_SOUND_HZ)
        levels = range(-_SOUND_LEVEL, _SOUND_LEVEL)
        sound.writeframes(array("h", random.choices(levels, k=_SOUND_HZ * _SOUND_S)).tobytes())  # noqa: S311
    return file.getvalue()
