"""One's own API tokens."""

from fastapi import APIRouter

from signalcraft.accounts import api_tokens
from signalcraft.accounts.api_token_schemas import (
    ApiTokenAnswer,
    ApiTokenIn,
    ApiTokenList,
    ApiTokenOut,
    MadeTokenAnswer,
)
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.access import SignedIn
from signalcraft.texts import RowId

router = APIRouter(prefix="/api/account/tokens", tags=["API tokens"])


@router.get("")
def list_tokens(principal: SignedIn) -> ApiTokenList:
    """One's tokens, newest first, with when they were used last."""
    with unit_of_work() as session:
        found = api_tokens.list_tokens(session, principal.user_id)
    return ApiTokenList(tokens=[ApiTokenOut.model_validate(token) for token in found])


@router.post("", status_code=201)
def make_token(principal: SignedIn, body: ApiTokenIn) -> MadeTokenAnswer:
    """Make a token for a program: for these rights, shops and time, as far as one holds them oneself."""
    with unit_of_work() as session:
        token, secret = api_tokens.make_token(
            session,
            principal,
            name=body.name,
            permissions=body.permissions,
            shop_ids=body.shop_ids,
            expires_at=body.expires_at,
        )
    return MadeTokenAnswer(token=ApiTokenOut.model_validate(token), secret=secret)


@router.delete("/{token_id}")
def revoke_token(principal: SignedIn, token_id: RowId) -> ApiTokenAnswer:
    """Refuse a token from the next request on."""
    with unit_of_work() as session:
        token = api_tokens.revoke_token(session, principal.user_id, token_id, by=principal.user_id)
    return ApiTokenAnswer(token=ApiTokenOut.model_validate(token))
