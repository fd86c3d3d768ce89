"""Request bodies, bounded while they are read."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Request, current_app, request

from signalcraft.errors import MalformedRequestError, TooLargeError, UnsupportedMediaError
from signalcraft.settings import Settings
from signalcraft.strict_json import parse_json

View = TypeVar("View", bound=Callable[..., Any])


class BoundedRequest(Request):
    """Flask's request whose JSON goes through `parse_json`.

    Attributes
    ----------
    unreadable_numbers : field path (`vibration.x`) to token, of the numbers old firmware could not print.
    """

    unreadable_numbers: dict[str, str]

    @property  # type: ignore[misc]  # Werkzeug's can be set; nothing here does
    def max_content_length(self) -> int:  # type: ignore[override]
        """One byte more than the view accepts.

        Werkzeug ends an unannounced (chunked) body silently at this length; the byte too many gives it away.
        """
        return self.body_limit_bytes + 1

    @property
    def body_limit_bytes(self) -> int:
        """The limit of the view's `body_limit`, by default that of a JSON document."""
        limit: int = getattr(settings(), getattr(_view(self), "body_limit", "json_limit_bytes"))
        return limit

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        if self.mimetype and self.mimetype != "application/json" and not self.mimetype.endswith("+json"):
            raise UnsupportedMediaError("Send this as application/json.", field="Content-Type")
        lenient = getattr(_view(self), "lenient_json", False)
        document, self.unreadable_numbers = parse_json(read_body(self), lenient=lenient)
        return document


def settings() -> Settings:
    """The settings this application was made with."""
    made_with: Settings = current_app.config["SETTINGS"]
    return made_with


def lenient_json(view: View) -> View:
    """Mark a view for firmware that prints bare `nan` and `inf`: they become None, and are known by path."""
    view.lenient_json = True  # type: ignore[attr-defined]  # functools.wraps carries it to the wrapping view
    return view


def body_limit(setting: str) -> Callable[[View], View]:
    """Mark a view with the setting that says how many bytes its body may have."""

    def mark(view: View) -> View:
        view.body_limit = setting  # type: ignore[attr-defined]  # functools.wraps carries it on
        return view

    return mark


def unreadable_numbers() -> dict[str, str]:
    """Path and token of each number the sender of this request could not print."""
    return getattr(request, "unreadable_numbers", {})


def read_body(request: BoundedRequest) -> bytes:
    """The whole body; reading stops at the view's limit, whatever Content-Length says or leaves unsaid.

    Raises
    ------
    TooLargeError
        More than `body_limit_bytes` were announced or came.
    MalformedRequestError
        The body is empty, or the connection ended before all of it was there.
    """
    limit = request.body_limit_bytes
    announced = request.content_length or 0
    data = request.get_data(cache=False) if announced <= limit else b""
    if max(len(data), announced) > limit:
        raise TooLargeError(f"The body is larger than {limit} bytes.", field="body")
    if not data:
        raise MalformedRequestError("The body is empty.", field="body")
    if request.content_length is not None and len(data) != request.content_length:
        raise MalformedRequestError("The body ends before its announced length.", field="Content-Length")
    return data


def _view(request: Request) -> Callable[..., Any] | None:
    return current_app.view_functions.get(request.endpoint or "")
