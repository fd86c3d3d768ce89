"""Administration of people: accounts, their roles and rights, their sessions and API tokens."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from signalcraft.accounts import administration
from signalcraft.accounts.access import Principal
from signalcraft.accounts.administration_queries import WantedPeople
from signalcraft.accounts.administration_schemas import (
    AccountChange,
    AccountIn,
    AccountOut,
    Ended,
    GlobalRole,
    GrantIn,
    MadeAccount,
    NewPassword,
    Search,
    SessionOut,
    TokenOut,
)
from signalcraft.accounts.passwords import generate_password, hash_password
from signalcraft.accounts.schemas import Done
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.access import allowed
from signalcraft.gateway.envelopes import Data, Items, PageQuery
from signalcraft.ratelimits.policy import limited
from signalcraft.texts import RowId

router = APIRouter(prefix="/api/admin", tags=["Administration of people"])

Reader = Annotated[Principal, Depends(allowed("user.read", everywhere=True))]
Manager = Annotated[Principal, Depends(allowed("user.manage", everywhere=True))]
SessionManager = Annotated[Principal, Depends(allowed("session.manage", everywhere=True))]
TokenManager = Annotated[Principal, Depends(allowed("token.manage", everywhere=True))]
UserId = Annotated[RowId, Path()]
ShopId = Annotated[RowId, Path()]


class PeopleQuery(PageQuery):
    """Which people; `search` is a part of a name or an address."""

    search: Search | None = None
    role: GlobalRole | None = None
    status: Literal["active", "pending", "suspended"] | None = None
    shop_id: RowId | None = None


class OfPersonQuery(PageQuery):
    """Of whom; left out, of everybody."""

    user_id: RowId | None = None


@router.get("/users")
def list_users(principal: Reader, query: Annotated[PeopleQuery, Query()]) -> Data[Items[AccountOut]]:
    """People by user name."""
    wanted = WantedPeople(query.search, query.role, query.status, query.shop_id)
    with unit_of_work() as session:
        found, total = administration.list_accounts(
            session, principal, wanted, offset=query.offset, limit=query.per_page
        )
    return query.of([AccountOut.of(account) for account in found], total)


@router.post("/users", status_code=201)
@limited("admin")
def create_user(principal: Manager, body: AccountIn) -> Data[MadeAccount]:
    """Make an account, with a generated password."""
    with unit_of_work() as session:
        account, password = administration.create_account(
            session,
            principal,
            username=body.username,
            full_name=body.full_name,
            email=body.email,
            role=body.role,
            language=body.language,
        )
    return Data(data=MadeAccount(user=AccountOut.of(account), password=password))


@router.get("/users/{user_id}")
def show_user(principal: Reader, user_id: UserId) -> Data[AccountOut]:
    """One person with their rights."""
    with unit_of_work() as session:
        return Data(data=AccountOut.of(administration.get_account(session, principal, user_id)))


@router.patch("/users/{user_id}")
@limited("admin")
def change_user(principal: Manager, user_id: UserId, body: AccountChange) -> Data[AccountOut]:
    """Give a person another role, suspend or activate them; it counts at their next request."""
    with unit_of_work() as session:
        account = administration.change_account(
            session, principal, user_id, role=body.role, status=body.status
        )
    return Data(data=AccountOut.of(account))


@router.put("/users/{user_id}/grants/{shop_id}")
@limited("admin")
def grant(principal: Manager, user_id: UserId, shop_id: ShopId, body: GrantIn) -> Data[AccountOut]:
    """Give a person a role in a shop, in place of the one they had there."""
    with unit_of_work() as session:
        account = administration.grant(
            session, principal, user_id, shop_id=shop_id, role=body.role, expires_at=body.expires_at
        )
    return Data(data=AccountOut.of(account))


@router.delete("/users/{user_id}/grants/{shop_id}")
@limited("admin")
def withdraw_grant(principal: Manager, user_id: UserId, shop_id: ShopId) -> Data[AccountOut]:
    """Take a person's role in a shop away."""
    with unit_of_work() as session:
        return Data(data=AccountOut.of(administration.withdraw_grant(session, principal, user_id, shop_id)))


@router.post("/users/{user_id}/reset-password")
@limited("admin")
def reset_password(principal: Manager, user_id: UserId) -> Data[NewPassword]:
    """Give a person a generated password; they are signed out everywhere."""
    password = generate_password()
    password_hash = hash_password(password)
    with unit_of_work() as session:
        administration.reset_password(session, principal, user_id, password_hash)
    return Data(data=NewPassword(password=password))


@router.delete("/users/{user_id}/second-factor")
@limited("admin")
def remove_second_factor(principal: Manager, user_id: UserId) -> Done:
    """For somebody who has lost it; they are signed out everywhere."""
    with unit_of_work() as session:
        administration.remove_second_factor(session, principal, user_id)
    return Done(message="The second factor is removed. 2단계 인증을 해제했습니다.")


@router.delete("/users/{user_id}/sessions")
@limited("admin")
def end_sessions(principal: SessionManager, user_id: UserId) -> Data[Ended]:
    """Sign a person out everywhere."""
    with unit_of_work() as session:
        return Data(data=Ended(ended=administration.end_all_sessions(session, principal, user_id)))


@router.get("/sessions")
def list_sessions(
    principal: SessionManager, query: Annotated[OfPersonQuery, Query()]
) -> Data[Items[SessionOut]]:
    """Live sessions, the one used last first."""
    with unit_of_work() as session:
        found, total = administration.list_sessions(
            session, principal, query.user_id, offset=query.offset, limit=query.per_page
        )
    return query.of([SessionOut.of(item, username) for item, username in found], total)


@router.delete("/sessions/{session_id}")
@limited("admin")
def end_session(principal: SessionManager, session_id: Annotated[UUID, Path()]) -> Done:
    """End somebody's session."""
    with unit_of_work() as session:
        administration.end_session(session, principal, session_id)
    return Done(message="The session is ended. 세션을 종료했습니다.")


@router.get("/tokens")
def list_tokens(principal: TokenManager, query: Annotated[OfPersonQuery, Query()]) -> Data[Items[TokenOut]]:
    """API tokens that could be used, newest first."""
    with unit_of_work() as session:
        found, total = administration.list_tokens(
            session, principal, query.user_id, offset=query.offset, limit=query.per_page
        )
    return query.of([TokenOut.of(token, username) for token, username in found], total)


@router.delete("/tokens/{token_id}")
@limited("admin")
def revoke_token(principal: TokenManager, token_id: Annotated[RowId, Path()]) -> Done:
    """Refuse somebody's API token from the next request on."""
    with unit_of_work() as session:
        administration.revoke(session, principal, token_id)
    return Done(message="The token is revoked. 토큰을 폐기했습니다.")
