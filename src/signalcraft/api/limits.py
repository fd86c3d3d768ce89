"""Which requests this tier takes, and what each costs its caller: `ratelimits` at the door of Flask.

The kind of a request is a mark on the view (`ratelimits.policy.limited`), else it follows from the access
rule and the method.
"""

from flask import Flask, Response, current_app, g, request

from signalcraft.api.access import principal, rule_of
from signalcraft.api.problems import problem_response
from signalcraft.errors import SignalCraftError, TooManyRequestsError, UnauthenticatedError
from signalcraft.operations.tiers import API_THREADS
from signalcraft.ratelimits.policy import kind_of, limits_in_force
from signalcraft.ratelimits.service import address_subject, require, require_kind
from signalcraft.ratelimits.workload import Workload

WORKLOAD = Workload(handlers=API_THREADS, streams=0)
"""Of this process."""


def init_workload(app: Flask) -> None:
    """Refuse what comes while the process is busier than its kind may find it; before anything else."""
    app.before_request(_take_in)
    app.teardown_request(_let_go)


def init_quotas(app: Flask) -> None:
    """Count each request against its caller's quota; after the access rule has said who that is.

    Raises
    ------
    ValueError
        The operator's setting makes no sense.
    """
    limits_in_force()
    app.before_request(_count)
    app.after_request(_tell)
    app.register_error_handler(UnauthenticatedError, _refused)


def _take_in() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    rule = rule_of(view) if view else None
    kind = kind_of(view, caller=rule.caller if rule else "public", method=request.method)
    WORKLOAD.begin(kind)
    g.request_kind = kind


def _let_go(_: BaseException | None) -> None:
    kind = g.pop("request_kind", None)
    if kind is not None:
        WORKLOAD.end(kind)


def _count() -> None:
    payer = principal().quota_subject if "principal" in g else address_subject(request.remote_addr)
    g.quota_headers = require_kind(g.request_kind, payer)


def _tell(response: Response) -> Response:
    response.headers.extend(g.get("quota_headers", {}))
    return response


def _refused(error: UnauthenticatedError) -> Response:
    """401, until this address has sent so many credentials that are not good that it must wait."""
    answer: SignalCraftError = error
    try:
        require("refused", address_subject(request.remote_addr))
    except TooManyRequestsError as too_many:
        answer = too_many
    return problem_response(answer)
