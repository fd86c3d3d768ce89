"""What goes in and out of the administration of shops and devices."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from signalcraft.fleet.administration_queries import DeviceRow, ShopRow
from signalcraft.fleet.schemas import Networks
from signalcraft.texts import Name, StrictRowId

ShopStatus = Literal["pending", "active", "maintenance", "inactive", "suspended"]


class ShopIn(BaseModel):
    """A shop to be."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    status: Literal["pending", "active"] = "active"


class ShopChange(BaseModel):
    """What is to be another; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    status: ShopStatus | None = None


class ShopOut(BaseModel):
    id: int
    name: str
    status: ShopStatus
    created_at: datetime
    machines: int
    members: int

    @classmethod
    def of(cls, row: ShopRow) -> "ShopOut":
        return cls(
            id=row.shop.id,
            name=row.shop.name,
            status=row.shop.status,
            created_at=row.shop.created_at,
            machines=row.machines,
            members=row.members,
        )


class ClaimIn(BaseModel):
    """Whose the device is from now on, and how it is let in."""

    model_config = ConfigDict(extra="forbid")

    shop_id: StrictRowId
    machine_name: Name
    admission: Literal["key", "keyless"] = "key"
    networks: Networks | None = None


class DeviceOut(BaseModel):
    device_id: str
    machine_id: int
    machine_name: str
    shop_id: int | None
    shop_name: str | None
    admission: str
    networks: list[str] | None
    unauthenticated: bool
    address: str | None
    firmware_version: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    claimed_at: datetime | None

    @classmethod
    def of(cls, row: DeviceRow) -> "DeviceOut":
        device = row.device
        return cls(
            device_id=device.device_id,
            machine_id=device.machine_id,
            machine_name=row.machine.name,
            shop_id=row.machine.shop_id,
            shop_name=row.shop_name,
            admission=device.admission,
            networks=device.networks,
            unauthenticated=device.unauthenticated,
            address=None if device.address is None else str(device.address),
            firmware_version=device.firmware_version,
            first_seen_at=device.first_seen_at,
            last_seen_at=device.last_seen_at,
            claimed_at=device.claimed_at,
        )
