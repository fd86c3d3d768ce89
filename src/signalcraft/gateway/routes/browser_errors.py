"""Where the web app tells of its errors: the tracker's door for browsers, which never reach it themselves."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from signalcraft.accounts.schemas import Done
from signalcraft.errors import NotFoundError
from signalcraft.gateway.access import PUBLIC, SESSION_ROUTES
from signalcraft.observability import browser_errors
from signalcraft.observability.browser_errors import BrowserError
from signalcraft.ratelimits.policy import limited
from signalcraft.settings import get_settings

router = APIRouter(prefix="/api/browser-errors", tags=["Errors"])


class Reporting(BaseModel):
    """Whether there is a tracker, and what a page must say that it is of."""

    success: Literal[True] = True
    reported: bool
    release: str


@router.get("", dependencies=[PUBLIC])
def is_reported() -> Reporting:
    """What a page asks, once it stands, before it loads what catches errors."""
    settings = get_settings()
    return Reporting(reported=settings.sentry_dsn is not None, release=settings.release)


@router.post(
    "",
    status_code=202,
    dependencies=[SESSION_ROUTES],
    responses={404: {"description": "Nothing is reported here: no tracker is set."}},
)
@limited("browser_error")
def report(error: BrowserError) -> Done:
    """Take an error of a page; the tracker has it a little later, or never while it is gone."""
    settings = get_settings()
    if settings.sentry_dsn is None:
        raise NotFoundError("No error tracker is set.")
    browser_errors.report(error, settings)
    return Done(message="Reported. 보고했습니다.")
