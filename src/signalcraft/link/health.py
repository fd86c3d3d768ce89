"""What a proxy, a deployment and an operator ask."""

from typing import Any

from fastapi import APIRouter, Response

from signalcraft.observability import health

router = APIRouter(tags=["Health"])


@router.get("/live")
def live() -> dict[str, str]:
    """The process answers; touches nothing."""
    return {"status": "live"}


@router.get("/ready", responses={503: {"description": "Something it needs is missing."}})
def ready(response: Response) -> dict[str, Any]:
    """Whether messages can be taken, and what is missing where not."""
    checks = health.ready_checks()
    is_ready = health.is_ready(checks)
    response.status_code = 200 if is_ready else 503
    return {"status": "ready" if is_ready else "not ready", "checks": checks}


@router.get("/version")
def version() -> dict[str, Any]:
    """Which release and colour answers."""
    return health.version()
