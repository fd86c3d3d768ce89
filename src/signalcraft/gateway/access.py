"""Who may call what: every route names its rule, and the application refuses to start where one does not."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import compile_path

from signalcraft.accounts.access import AccessRule, NotAllowedError, Principal
from signalcraft.accounts.authentication import authenticate
from signalcraft.accounts.credentials import require_own_page, require_same_site, token_of
from signalcraft.accounts.roles import Permission
from signalcraft.audit import origin
from signalcraft.clock import utc_now
from signalcraft.db.session import look
from signalcraft.errors import ForbiddenError
from signalcraft.gateway.limits import count
from signalcraft.logging import bind
from signalcraft.observability.sentry import identify


def caller(request: Request) -> Principal:
    """The person of this request, or the program with a token of theirs; 401 where there is neither."""
    token = token_of(header=request.headers.get, cookies=request.cookies, method=request.method)
    request.state.asked_at = utc_now()
    principal = look(lambda connection: authenticate(connection, token))
    bind(user_id=principal.user_id)
    identify(user_id=principal.user_id)
    origin.by_token(principal.token_id)
    count(request, principal.quota_subject)
    return principal


async def signed_in(principal: Annotated[Principal, Depends(caller)]) -> Principal:
    """A person who has signed in themselves: what concerns their own account is no program's business.

    It waits for nothing, so it needs no thread, which costs more than the check; nor does `allowed`'s.
    """
    if principal.token_id is not None:
        raise ForbiddenError("An API token is not enough for this: sign in. 로그인이 필요합니다.")
    return principal


def allowed(
    permission: Permission, *, everywhere: bool = False
) -> Callable[[Principal], Awaitable[Principal]]:
    """A caller who holds `permission` somewhere, and the service checks the shop at hand; or `everywhere`,
    where what the route does concerns the whole system.

    `Annotated[Principal, Depends(allowed("user.manage", everywhere=True))]`
    """

    async def check(principal: Annotated[Principal, Depends(caller)]) -> Principal:
        if everywhere:
            principal.require_everywhere(permission)
        elif not principal.holds(permission):
            raise NotAllowedError
        return principal

    check.rule = AccessRule("user", permission, everywhere)  # type: ignore[attr-defined]  # for `rule_of`
    return check


def public(request: Request) -> None:
    """Anybody may call it."""
    count(request)


def session_routes(request: Request) -> None:
    """Anybody may call it from our own pages: sign-in must not be provoked by another site either."""
    require_own_page(request.headers.get)
    if request.cookies:
        require_same_site(header=request.headers.get, method=request.method)
    count(request)


SignedIn = Annotated[Principal, Depends(signed_in)]
PUBLIC = Depends(public)
SESSION_ROUTES = Depends(session_routes)

_RULES: tuple[Callable[..., object], ...] = (caller, public, session_routes)


def verify_access_rules(app: FastAPI) -> None:
    """Default is deny: a route without a rule is a mistake that must not reach anybody.

    Raises
    ------
    RuntimeError
        Names the routes without a rule.
    """
    open_routes = [path for path, dependant in api_routes(app) if not _calls(dependant) & set(_RULES)]
    if open_routes:
        raise RuntimeError(f"routes without an access rule: {', '.join(open_routes)}")


def api_routes(app: FastAPI) -> list[tuple[str, Dependant]]:
    """Path and dependencies of every route with a handler of ours.

    `app.routes` holds an included router as one entry, so a look at its members alone sees none of them.
    """
    return [
        (str(context.path), context.dependant)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
    ]


def handlers(app: FastAPI) -> list[tuple[str, Callable[..., object], str]]:
    """Path, handler and method of every operation of ours."""
    return [
        (str(context.path), context.original_route.endpoint, method)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
        for method in context.methods or ()
    ]


class Addresses:
    """The methods of each address, of all routes together that have it."""

    def __init__(self, app: FastAPI) -> None:
        self._routes = [(compile_path(path)[0], path, method) for path, _, method in handlers(app)]

    def methods_of(self, path: str) -> set[str]:
        """Of the routes that the address fits, those with the fewest variable parts: the most exact ones."""
        fitting = [
            (route.count("{"), method) for pattern, route, method in self._routes if pattern.match(path)
        ]
        fewest = min((variables for variables, _ in fitting), default=0)
        return {method for variables, method in fitting if variables == fewest}


def personal_handlers(app: FastAPI) -> frozenset[Callable[..., object]]:
    """The handlers that a person calls, or their program."""
    return frozenset(
        dependant.call
        for _, dependant in api_routes(app)
        if dependant.call is not None and caller in _calls(dependant)
    )


def rule_of(dependant: Dependant) -> AccessRule:
    """What a route demands of its caller."""
    calls = _calls(dependant)
    rules = [rule for call in calls if isinstance(rule := getattr(call, "rule", None), AccessRule)]
    return rules[0] if rules else AccessRule("user" if signed_in in calls else "public")


def _calls(dependant: Dependant) -> set[Callable[..., object]]:
    calls = {dependant.call} if dependant.call else set()
    return calls.union(*(_calls(inner) for inner in dependant.dependencies))
