"""What is known of a person: given to them, and erased, at their own word or an administrator's."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from signalcraft.accounts.access import Principal
from signalcraft.accounts.schemas import Done, PasswordIn
from signalcraft.db.session import unit_of_work
from signalcraft.gateway import session_cookies
from signalcraft.gateway.access import SignedIn, allowed
from signalcraft.gateway.routes.sessions import prove_again
from signalcraft.personal_data import service
from signalcraft.ratelimits.policy import limited
from signalcraft.texts import RowId

router = APIRouter(prefix="/api", tags=["Personal data"])

Eraser = Annotated[Principal, Depends(allowed("user.delete", everywhere=True))]
UserId = Annotated[RowId, Path()]


class JsonFile(Response):
    """A JSON document that a browser keeps as a file."""

    media_type = "application/json"


_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A file.", "content": {"application/json": {"schema": {"type": "object"}}}}
}


@router.get("/account/export", response_class=JsonFile, responses=_FILE)
@limited("export")
def export_own(principal: SignedIn) -> JsonFile:
    """Everything that is known of oneself, as a file."""
    return _export(principal, principal.user_id)


@router.post("/account/erase")
def erase_own(principal: SignedIn, body: PasswordIn, response: Response) -> Done:
    """Erase oneself; it cannot be undone."""
    prove_again(principal, body.password)
    with unit_of_work() as session:
        service.erase(session, principal, principal.user_id)
    session_cookies.clear_session(response)
    return Done(message="The account is erased. 계정이 삭제되었습니다.")


@router.get("/admin/users/{user_id}/export", response_class=JsonFile, responses=_FILE)
@limited("export")
def export_user(principal: Eraser, user_id: UserId) -> JsonFile:
    """Everything that is known of a person, as a file for them."""
    return _export(principal, user_id)


@router.delete("/admin/users/{user_id}")
@limited("admin")
def erase_user(principal: Eraser, user_id: UserId) -> Done:
    """Erase a person; it cannot be undone."""
    with unit_of_work() as session:
        service.erase(session, principal, user_id)
    return Done(message="The account is erased. 계정이 삭제되었습니다.")


def _export(principal: Principal, user_id: int) -> JsonFile:
    with unit_of_work() as session:
        document = service.export(session, principal, user_id)
    return JsonFile(
        document, headers={"Content-Disposition": f'attachment; filename="person-{user_id}.json"'}
    )
