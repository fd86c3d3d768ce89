"""The web app's files."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from signalcraft.gateway.access import PUBLIC

WEB = Path(__file__).parents[2] / "web"
router = APIRouter(include_in_schema=False, dependencies=[PUBLIC])

READ = ["GET", "HEAD"]

# Files carry no version in their names, so browsers ask each time and are told "not modified".
_REVALIDATE = {"Cache-Control": "no-cache"}


class RevalidatedFiles(StaticFiles):
    """Static files that browsers keep but check, so that a new release shows at once."""

    def file_response(self, *args: object, **kwargs: object) -> FileResponse:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(_REVALIDATE)
        return response  # type: ignore[return-value]


def mount_static_files(app: FastAPI) -> None:
    app.mount("/static", RevalidatedFiles(directory=WEB / "static"), name="static")


@router.api_route("/api/docs", methods=READ)
def api_docs() -> FileResponse:
    """Both tiers' OpenAPI documents to read and try."""
    return FileResponse(WEB / "docs.html", headers=_REVALIDATE)


@router.api_route("/", methods=READ)
@router.api_route("/machines/{rest:path}", methods=READ)
@router.api_route("/devices", methods=READ)
@router.api_route("/sign-in", methods=READ)
@router.api_route("/register", methods=READ)
@router.api_route("/confirm-email", methods=READ)
@router.api_route("/forgot-password", methods=READ)
@router.api_route("/reset-password", methods=READ)
@router.api_route("/accept-invitation", methods=READ)
@router.api_route("/account", methods=READ)
@router.api_route("/admin", methods=READ)
@router.api_route("/admin/{rest:path}", methods=READ)
@router.api_route("/shops/{rest:path}", methods=READ)
def web_app() -> FileResponse:
    """The web app; it reads the address itself."""
    return FileResponse(WEB / "index.html", headers=_REVALIDATE)
