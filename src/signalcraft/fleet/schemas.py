"""Names of devices, machines and shops as they come in; keys and claim codes as they come in and go out."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from signalcraft.texts import Name, StrictRowId

DEVICE_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$"
DeviceId = Annotated[str, StringConstraints(pattern=DEVICE_ID_PATTERN)]
"""What a node calls itself: `ICE_STORE_24H_002`, `ESP32_MIC_4711`, a MAC address."""

Networks = Annotated[
    list[Annotated[str, StringConstraints(min_length=2, max_length=43, pattern=r"^[0-9a-fA-F.:/]+$")]],
    Field(
        min_length=1,
        max_length=16,
        description="CIDR notation; left out, the network that the device was last seen in.",
    ),
]


class AdmissionIn(BaseModel):
    """How a device is let in."""

    model_config = ConfigDict(extra="forbid")

    admission: Literal["key", "keyless", "blocked"]
    networks: Networks | None = None


class ClaimCodeIn(BaseModel):
    """Which shop the node will be in, and what its machine will be called there."""

    model_config = ConfigDict(extra="forbid")

    shop_id: StrictRowId
    machine_name: Name


class NodeClaimIn(BaseModel):
    """A node shows the code that it was given."""

    model_config = ConfigDict(extra="forbid")

    device_id: DeviceId
    claim_code: Annotated[str, StringConstraints(min_length=8, max_length=16, pattern=r"^[A-Za-z0-9 -]+$")]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    success: Literal[True] = True


class DeviceAdmission(BaseModel):
    """How a device is let in."""

    model_config = ConfigDict(from_attributes=True)

    device_id: str
    admission: Literal["undecided", "keyless", "key", "blocked"]
    networks: list[str] | None
    unauthenticated: bool = Field(description="Others than the node could be sending in its name.")


class DeviceKeyOut(BaseModel):
    """A key, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    beginning: str
    created_at: datetime
    first_used_at: datetime | None
    last_used_at: datetime | None
    ends_at: datetime | None = Field(description="When the key that replaced it takes over alone.")
    revoked_at: datetime | None


class AdmissionAnswer(Answer):
    device: DeviceAdmission


class DeviceKeyList(AdmissionAnswer):
    keys: list[DeviceKeyOut]


class DeviceKeyAnswer(Answer):
    key: DeviceKeyOut


class IssuedKeyAnswer(DeviceKeyAnswer):
    secret: str = Field(description="Shown this once.")


class ClaimCodeOut(BaseModel):
    """A claim code, without the code."""

    id: int
    shop_id: int
    machine_name: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    device_id: str | None = Field(description="The node that used it.")


class ClaimCodeList(Answer):
    claim_codes: list[ClaimCodeOut]


class ClaimCodeAnswer(Answer):
    claim_code: ClaimCodeOut
    code: str = Field(description="Shown this once.")


class NodeClaimed(Answer):
    """What a node keeps: it shows `key` with all it sends from now on."""

    device_id: str
    machine_id: int
    machine_name: str
    key: str
