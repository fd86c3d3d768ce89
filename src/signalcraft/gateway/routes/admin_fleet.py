"""Administration of shops and devices."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from signalcraft.accounts.access import Principal
from signalcraft.accounts.administration_schemas import Search
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import administration
from signalcraft.fleet import service as fleet
from signalcraft.fleet.administration import Page
from signalcraft.fleet.administration_queries import DeviceState
from signalcraft.fleet.administration_schemas import (
    ClaimIn,
    DeviceOut,
    ShopChange,
    ShopIn,
    ShopOut,
    ShopStatus,
)
from signalcraft.fleet.schemas import DeviceId
from signalcraft.gateway.access import allowed
from signalcraft.gateway.envelopes import Data, Items, PageQuery
from signalcraft.ratelimits.policy import limited
from signalcraft.texts import RowId

router = APIRouter(prefix="/api/admin", tags=["Administration of shops and devices"])

ShopManager = Annotated[Principal, Depends(allowed("shop.manage", everywhere=True))]
DeviceManager = Annotated[Principal, Depends(allowed("device.claim", everywhere=True))]
ShopId = Annotated[RowId, Path()]
NodeName = Annotated[DeviceId, Path()]


class ShopsQuery(PageQuery):
    """Which shops; `search` is a part of the name."""

    search: Search | None = None
    status: ShopStatus | None = None


class DevicesQuery(PageQuery):
    """Which devices; `search` is a part of the name."""

    search: Search | None = None
    state: DeviceState | None = None


@router.get("/shops")
def list_shops(principal: ShopManager, query: Annotated[ShopsQuery, Query()]) -> Data[Items[ShopOut]]:
    """Shops by name, with how many machines and people they have."""
    page = Page(query.offset, query.per_page)
    with unit_of_work() as session:
        found, total = administration.list_shops(
            session, principal, search=query.search, status=query.status, page=page
        )
    return query.of([ShopOut.of(row) for row in found], total)


@router.post("/shops", status_code=201)
@limited("admin")
def create_shop(principal: ShopManager, body: ShopIn) -> Data[ShopOut]:
    """Make a shop; one that is pending waits to be approved."""
    with unit_of_work() as session:
        shop = administration.create_shop(session, principal, name=body.name, status=body.status)
        return Data(data=ShopOut.of(administration.get_shop(session, principal, shop.id)))


@router.get("/shops/{shop_id}")
def show_shop(principal: ShopManager, shop_id: ShopId) -> Data[ShopOut]:
    """One shop."""
    with unit_of_work() as session:
        return Data(data=ShopOut.of(administration.get_shop(session, principal, shop_id)))


@router.patch("/shops/{shop_id}")
@limited("admin")
def change_shop(principal: ShopManager, shop_id: ShopId, body: ShopChange) -> Data[ShopOut]:
    """Rename a shop or give it another status. Its people see it while it is active or in maintenance."""
    return _change(principal, shop_id, body)


@router.post("/shops/{shop_id}/approve")
@limited("admin")
def approve_shop(principal: ShopManager, shop_id: ShopId) -> Data[ShopOut]:
    """Let a shop's people see it."""
    return _change(principal, shop_id, ShopChange(status="active"))


@router.post("/shops/{shop_id}/suspend")
@limited("admin")
def suspend_shop(principal: ShopManager, shop_id: ShopId) -> Data[ShopOut]:
    """Hide a shop from its people; what its nodes send is kept."""
    return _change(principal, shop_id, ShopChange(status="suspended"))


@router.get("/devices")
def list_devices(principal: DeviceManager, query: Annotated[DevicesQuery, Query()]) -> Data[Items[DeviceOut]]:
    """Devices by name, those that nobody has claimed as well."""
    page = Page(query.offset, query.per_page)
    with unit_of_work() as session:
        found, total = administration.list_devices(
            session, principal, search=query.search, state=query.state, page=page
        )
    return query.of([DeviceOut.of(row) for row in found], total)


@router.post("/devices/{device_id}/claim")
@limited("admin")
def claim_device(principal: DeviceManager, device_id: NodeName, body: ClaimIn) -> Data[DeviceOut]:
    """Give an unclaimed device to a shop, with everything its machine has learned."""
    with unit_of_work() as session:
        fleet.claim_device(
            session,
            principal,
            device_id,
            shop_id=body.shop_id,
            machine_name=body.machine_name,
            admission=body.admission,
            networks=body.networks,
        )
        return Data(data=DeviceOut.of(administration.get_device(session, principal, device_id)))


@router.post("/devices/{device_id}/block")
@limited("admin")
def block_device(principal: DeviceManager, device_id: NodeName) -> Data[DeviceOut]:
    """Refuse whatever comes in a device's name."""
    with unit_of_work() as session:
        return Data(data=DeviceOut.of(administration.block_device(session, principal, device_id)))


@router.post("/devices/{device_id}/unblock")
@limited("admin")
def unblock_device(principal: DeviceManager, device_id: NodeName) -> Data[DeviceOut]:
    """Let a blocked device in again, by its key."""
    with unit_of_work() as session:
        return Data(data=DeviceOut.of(administration.unblock_device(session, principal, device_id)))


def _change(principal: Principal, shop_id: int, body: ShopChange) -> Data[ShopOut]:
    with unit_of_work() as session:
        row = administration.change_shop(session, principal, shop_id, name=body.name, status=body.status)
    return Data(data=ShopOut.of(row))
