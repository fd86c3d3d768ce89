"""The people of a shop, for its owners; who does not belong yet is invited (`invitations`)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from signalcraft.accounts import grants
from signalcraft.accounts.access import Principal
from signalcraft.accounts.administration_schemas import GrantIn, MemberOut
from signalcraft.accounts.schemas import Done
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.access import allowed
from signalcraft.gateway.envelopes import Data
from signalcraft.texts import RowId

router = APIRouter(prefix="/api/members", tags=["Members of a shop"])

Reader = Annotated[Principal, Depends(allowed("member.read"))]
Manager = Annotated[Principal, Depends(allowed("member.manage"))]
ShopId = Annotated[RowId, Path()]
UserId = Annotated[RowId, Path()]


@router.get("/{shop_id}")
def list_members(principal: Reader, shop_id: ShopId) -> Data[list[MemberOut]]:
    """Who belongs to the shop, by user name, with grants that are over."""
    with unit_of_work() as session:
        found = grants.list_members(session, principal, shop_id)
    return Data(data=[MemberOut.of(member) for member in found])


@router.put("/{shop_id}/{user_id}")
def change_member(principal: Manager, shop_id: ShopId, user_id: UserId, body: GrantIn) -> Data[MemberOut]:
    """Give somebody who belongs to the shop another role there, or another time."""
    with unit_of_work() as session:
        member = grants.change_member(
            session, principal, shop_id, user_id, role=body.role, expires_at=body.expires_at
        )
    return Data(data=MemberOut.of(member))


@router.delete("/{shop_id}/{user_id}")
def remove_member(principal: Manager, shop_id: ShopId, user_id: UserId) -> Done:
    """Take somebody's rights in the shop away."""
    with unit_of_work() as session:
        grants.remove_member(session, principal, shop_id, user_id)
    return Done(message="They do not belong to the shop any more. 매장에서 제외했습니다.")
