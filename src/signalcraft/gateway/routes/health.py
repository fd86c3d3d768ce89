"""What a proxy, a deployment and an operator ask."""

from typing import Any

from fastapi import APIRouter, Response

from signalcraft.gateway.access import PUBLIC
from signalcraft.observability import health
from signalcraft.ratelimits.policy import limited

router = APIRouter(tags=["Health"], dependencies=[PUBLIC])


@router.get("/live")
@limited("health")
def live() -> dict[str, str]:
    """The process answers; touches nothing."""
    return {"status": "live"}


@router.get(
    "/ready",
    responses={503: {"description": "Something it needs is missing.", "content": {"application/json": {}}}},
)
@limited("health")
def ready(response: Response) -> dict[str, Any]:
    """Whether requests can be served, and what is missing where not."""
    checks = health.ready_checks()
    is_ready = health.is_ready(checks)
    response.status_code = 200 if is_ready else 503
    return {"status": "ready" if is_ready else "not ready", "checks": checks}


@router.get("/version")
@limited("health")
def version() -> dict[str, Any]:
    """Which release and colour answers."""
    return health.version()
