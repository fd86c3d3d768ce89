"""What administrators do with shops and devices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.accounts.access_changes import announce_change
from signalcraft.accounts.administration_queries import member_ids
from signalcraft.audit.service import record
from signalcraft.errors import ConflictError, NotFoundError
from signalcraft.fleet import administration_queries as queries
from signalcraft.fleet import keys
from signalcraft.fleet.administration_queries import DeviceRow, DeviceState, ShopRow
from signalcraft.fleet.models import Shop


@dataclass(frozen=True)
class Page:
    """Part of a list: `limit` rows after the first `offset`."""

    offset: int
    limit: int


def list_shops(
    session: Session, principal: Principal, *, search: str | None, status: str | None, page: Page
) -> tuple[Sequence[ShopRow], int]:
    """One page of shops by name, and how many match in all."""
    principal.require_everywhere("shop.manage")
    return queries.shops(session, search=search, status=status, offset=page.offset, limit=page.limit)


def get_shop(session: Session, principal: Principal, shop_id: int) -> ShopRow:
    """One shop.

    Raises
    ------
    NotFoundError
        There is none of that number.
    """
    principal.require_everywhere("shop.manage")
    found = queries.shop(session, shop_id)
    if found is None:
        raise NotFoundError("There is no such shop. 그런 매장이 없습니다.", field="shop_id")
    return found


def create_shop(session: Session, principal: Principal, *, name: str, status: str) -> Shop:
    """A new shop. One that is `pending` is seen by nobody but administrators until it is approved."""
    principal.require_everywhere("shop.manage")
    shop = Shop(name=name, status=status)
    session.add(shop)
    session.flush()
    detail = {"name": name, "status": status}
    _record(session, principal, "shop.created", shop.id, detail)
    return shop


def change_shop(
    session: Session, principal: Principal, shop_id: int, *, name: str | None, status: str | None
) -> ShopRow:
    """Rename, approve, suspend or close a shop; None leaves as it is.

    The nodes of a shop that is closed or suspended are heard as before: what they send is kept, judged and
    there to be seen once the shop is open again.

    Raises
    ------
    NotFoundError
        There is none of that number.
    """
    principal.require_everywhere("shop.manage")
    shop = queries.lock_shop(session, shop_id)
    if shop is None:
        raise NotFoundError("There is no such shop. 그런 매장이 없습니다.", field="shop_id")
    if name is not None and name != shop.name:
        _record(session, principal, "shop.renamed", shop.id, {"from": shop.name, "to": name})
        shop.name = name
    if status is not None and status != shop.status:
        _record(session, principal, "shop.status_changed", shop.id, {"from": shop.status, "to": status})
        shop.status = status
        for user_id in member_ids(session, shop.id):
            announce_change(session, user_id)
    session.flush()
    return get_shop(session, principal, shop_id)


def list_devices(
    session: Session,
    principal: Principal,
    *,
    search: str | None,
    state: DeviceState | None,
    page: Page,
) -> tuple[Sequence[DeviceRow], int]:
    """One page of devices by name, and how many match in all."""
    principal.require_everywhere("device.claim")
    return queries.devices(session, search=search, state=state, offset=page.offset, limit=page.limit)


def get_device(session: Session, principal: Principal, device_id: str) -> DeviceRow:
    """One device.

    Raises
    ------
    NotFoundError
        No node of this name was ever heard.
    """
    principal.require_everywhere("device.claim")
    found = queries.device(session, device_id)
    if found is None:
        raise NotFoundError(f"No device {device_id} is known here.", field="device_id")
    return found


def block_device(session: Session, principal: Principal, device_id: str) -> DeviceRow:
    """Refuse whatever comes in a device's name, from the next message on. Its keys stay."""
    principal.require_everywhere("device.claim")
    keys.set_admission(session, principal, device_id, "blocked", None)
    return get_device(session, principal, device_id)


def unblock_device(session: Session, principal: Principal, device_id: str) -> DeviceRow:
    """Let a blocked device in again: a shop's by its key, until its owner decides; nobody's as a new one.

    Raises
    ------
    NotFoundError, ConflictError
        No node of this name was ever heard, or it is not blocked.
    """
    principal.require_everywhere("device.claim")
    device, machine = keys.managed_device(session, principal, device_id)
    if device.admission != "blocked":
        raise ConflictError("This device is not blocked. 차단된 장치가 아닙니다.", field="device_id")
    admission: Literal["undecided", "key"] = "undecided" if machine.shop_id is None else "key"
    keys.decide(session, device, machine, admission, None, user_id=principal.user_id)
    session.flush()
    return get_device(session, principal, device_id)


def _record(
    session: Session, principal: Principal, action: str, shop_id: int, detail: Mapping[str, object]
) -> None:
    record(
        session,
        action,
        user_id=principal.user_id,
        subject=f"shop:{shop_id}",
        shop_id=shop_id,
        detail=detail,
    )
