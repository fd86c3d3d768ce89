"""What the routes of API tokens take and answer."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.accounts.roles import Permission
from signalcraft.texts import IsoMoment, Name, StrictRowId


class ApiTokenIn(BaseModel):
    """A token for a program."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    permissions: Annotated[list[Permission], Field(min_length=1, max_length=64)]
    shop_ids: Annotated[list[StrictRowId], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="Left out, all shops that the person sees."
    )
    expires_at: IsoMoment | None = Field(None, description="Left out, until it is revoked.")


class ApiTokenOut(BaseModel):
    """A token, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    beginning: str
    permissions: list[str]
    shop_ids: list[int] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiTokenList(BaseModel):
    success: Literal[True] = True
    tokens: list[ApiTokenOut]


class ApiTokenAnswer(BaseModel):
    success: Literal[True] = True
    token: ApiTokenOut


class MadeTokenAnswer(ApiTokenAnswer):
    secret: str = Field(description="Shown this once.")
