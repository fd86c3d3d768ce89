"""Is it alive, is it ready, which release is it; and the description of everything else."""

from typing import Any

from flask import current_app
from flask_openapi3.blueprint import APIBlueprint

from signalcraft.api.access import public
from signalcraft.observability import health
from signalcraft.ratelimits.policy import limited

blueprint = APIBlueprint("health", __name__, doc_ui=False)


@blueprint.get("/live")
@public
@limited("health")
def live() -> dict[str, bool]:
    """The process answers; nothing else is touched."""
    return {"success": True}


@blueprint.get("/ready")
@public
@limited("health")
def ready() -> tuple[dict[str, Any], int]:
    """Everything the process needs is there: 200, else 503 with the reasons."""
    checks = health.ready_checks()
    is_ready = health.is_ready(checks)
    return {"success": is_ready, "checks": checks}, 200 if is_ready else 503


@blueprint.get("/version")
@public
@limited("health")
def version() -> dict[str, Any]:
    """Which release and colour this process is."""
    return health.version()


@blueprint.get("/api/openapi/api.json")
@public
def openapi_document() -> dict[str, Any]:
    """The OpenAPI document of this tier."""
    document: dict[str, Any] = current_app.api_doc  # type: ignore[attr-defined]  # flask-openapi3's
    return document
