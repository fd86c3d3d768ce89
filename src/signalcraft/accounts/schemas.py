"""What clients send to and get from the sign-in routes."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

BEARER: Literal["Bearer"] = "Bearer"
"""The scheme of RFC 6750."""


class LoginIn(BaseModel):
    """Sign-in. `delivery` chooses cookies (browsers) or tokens in the answer (programs)."""

    model_config = ConfigDict(extra="ignore")

    username: str = Field(
        min_length=1,
        max_length=254,
        pattern=r"^[^\x00]*$",  # no column holds a NUL, nor can it be looked for
        description="User name or e-mail.",
    )
    password: str = Field(min_length=1, max_length=1024)
    delivery: Literal["cookie", "body"] = "cookie"


class RefreshIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refresh_token: str | None = Field(None, max_length=256, description="Only where no cookie is used.")


class UserOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    username: str
    email: str | None
    full_name: str
    role: str


class ProfileOut(UserOut):
    phone: str | None
    created_at: datetime
    last_login: datetime | None = Field(None, validation_alias="last_login_at")


class SessionOut(BaseModel):
    success: Literal[True] = True
    message: str = "로그인 성공"
    user: UserOut
    expires_in: int = Field(description="Seconds until the access token ends.")
    token_type: Literal["Bearer"] | None = None
    access_token: str | None = None
    refresh_token: str | None = None


class RefreshedOut(BaseModel):
    success: Literal[True] = True
    expires_in: int
    token_type: Literal["Bearer"] | None = None
    access_token: str | None = None
    refresh_token: str | None = None


class VerifiedUser(BaseModel):
    id: int
    username: str
    role: str


class VerifyOut(BaseModel):
    success: Literal[True] = True
    message: str = "유효한 세션입니다"
    user: VerifiedUser


class ProfileAnswer(BaseModel):
    success: Literal[True] = True
    user: ProfileOut


class Done(BaseModel):
    success: Literal[True] = True
    message: str
