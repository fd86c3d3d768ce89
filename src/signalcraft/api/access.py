"""Who may call what: every view carries a mark, and a view without one is refused.

    @blueprint.get("/shops")
    @user("fleet.read")
    def list_shops() -> ...

The mark is the innermost decorator, so that it is on the function flask-openapi3 wraps.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

from signalcraft.accounts.access import AccessRule, NotAllowedError, Principal
from signalcraft.accounts.authentication import authenticate
from signalcraft.accounts.credentials import token_of
from signalcraft.accounts.roles import Permission
from signalcraft.audit import origin
from signalcraft.db.session import look
from signalcraft.errors import ForbiddenError
from signalcraft.logging import bind
from signalcraft.observability.sentry import identify

View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Anybody may call it."""
    return _mark(view, AccessRule("public"))


def device(view: View) -> View:
    """A node calls it; it names itself in the request."""
    return _mark(view, AccessRule("device"))


def user(permission: Permission, *, everywhere: bool = False) -> Callable[[View], View]:
    """A person or their program calls it who holds `permission` somewhere, and the service checks the shop at
    hand; or `everywhere`, where what the view does concerns the whole system."""
    return lambda view: _mark(view, AccessRule("user", permission, everywhere))


def principal() -> Principal:
    """The person of this request, in views marked with `user`."""
    caller: Principal = g.principal
    return caller


def rule_of(view: Callable[..., Any]) -> AccessRule | None:
    """The mark of a view, None where it has none."""
    rule = getattr(view, "access_rule", None)
    return rule if isinstance(rule, AccessRule) else None


def init_access(app: Flask) -> None:
    """Check the mark before every view."""
    app.before_request(_enforce)


def _mark(view: View, rule: AccessRule) -> View:
    view.access_rule = rule  # type: ignore[attr-defined]  # functools.wraps carries it to the wrapping view
    return view


def _enforce() -> None:
    if request.endpoint is None:  # no such path or method: Flask answers 404 or 405 itself
        return
    rule = rule_of(current_app.view_functions[request.endpoint])
    if rule is None:
        raise ForbiddenError("This address has no access rule and is closed.")
    if rule.caller == "user":
        person = sign_in_required()
        if rule.permission is None:
            return
        if rule.everywhere:
            person.require_everywhere(rule.permission)
        elif not person.holds(rule.permission):
            raise NotAllowedError


def sign_in_required() -> Principal:
    """The person whose token this request carries.

    Raises
    ------
    UnauthenticatedError, ForbiddenError
        There is no valid token, or another site may have provoked the request.
    """
    token = token_of(header=request.headers.get, cookies=request.cookies, method=request.method)
    g.principal = look(lambda connection: authenticate(connection, token))
    bind(user_id=g.principal.user_id)
    identify(user_id=g.principal.user_id)
    origin.by_token(g.principal.token_id)
    return principal()
