"""What clients send to and get from the sign-in routes."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.texts import StrictFlag

BEARER: Literal["Bearer"] = "Bearer"
"""The scheme of RFC 6750."""


Delivery = Literal["cookie", "body"]
"""How a client keeps its tokens: in cookies (browsers), or itself (programs)."""

Password = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[^\x00]*$")]
"""A password that exists already (no JSON text may hold a NUL); what is asked of a new one stands in
`password_rules`."""

Code = Annotated[str, Field(min_length=6, max_length=40, pattern=r"^[0-9A-Za-z -]*$")]
"""Six digits of an authenticator app, or a recovery code."""


class LoginIn(BaseModel):
    """Sign-in."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field(
        min_length=1, max_length=254, pattern=r"^[^\x00-\x1f\x7f]*$", description="User name or e-mail."
    )
    password: Password
    delivery: Delivery = "cookie"


class LoginForm(LoginIn):
    """Sign-in as a form, as RFC 6749 (4.3) has it; the tokens come in the answer."""

    model_config = ConfigDict(extra="ignore")

    delivery: Delivery = "body"


class SecondFactorIn(BaseModel):
    """The second step of a sign-in."""

    model_config = ConfigDict(extra="forbid")

    ticket: str | None = Field(
        None,
        max_length=1024,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Of the first step, unless a cookie holds it.",
    )
    code: Code
    delivery: Delivery = "cookie"


class RefreshIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refresh_token: str | None = Field(None, max_length=256, description="Only where no cookie is used.")


class ChangePasswordIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    current_password: Password
    new_password: str = Field(max_length=1024, description="8 to 128 characters, not a common password.")


class PasswordIn(BaseModel):
    """The present password once more, before something that a borrowed session must not do."""

    model_config = ConfigDict(extra="forbid")

    password: Password


class CodeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: Code


class LogoutEverywhereIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keep_current: StrictFlag = Field(False, description="Whether the session that asks goes on.")


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
    enrolment_required: bool = Field(
        False, description="This administrator has no rights until they add a second factor."
    )
    token_type: Literal["Bearer"] | None = None
    access_token: str | None = None
    refresh_token: str | None = None


class TicketOut(BaseModel):
    """The password was right; the second factor is asked for next."""

    success: Literal[True] = True
    message: str = "인증 앱의 코드를 입력해 주세요"
    second_factor_required: Literal[True] = True
    ticket: str
    expires_in: int = Field(description="Seconds until the ticket ends.")


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


class SessionItem(BaseModel):
    """One place where the person is signed in."""

    id: UUID
    device: str = Field(description="Browser and system, or the program's name; empty where it is unknown.")
    address: str
    created_at: datetime
    last_used_at: datetime
    second_factor: bool
    current: bool


class SessionList(BaseModel):
    success: Literal[True] = True
    sessions: list[SessionItem]


class SessionsEnded(BaseModel):
    success: Literal[True] = True
    message: str
    ended: int


class SecondFactorState(BaseModel):
    """Of the person who asks."""

    success: Literal[True] = True
    enrolled: bool
    required: bool = Field(description="Whether they must have one, by the operator's setting.")
    used: bool = Field(description="Whether the present session has shown it.")
    recovery_codes_left: int


class EnrolmentOut(BaseModel):
    """For the authenticator app; shown once."""

    success: Literal[True] = True
    secret: str
    uri: str
    qr_svg: str = Field(description="The same as a picture.")


class RecoveryCodesOut(BaseModel):
    """Shown once; each opens once."""

    success: Literal[True] = True
    message: str
    recovery_codes: list[str]


class LoginUrl(BaseModel):
    success: Literal[True] = True
    login_url: str


class KakaoAccount(BaseModel):
    success: Literal[True] = True
    available: bool = Field(description="Whether signing in with Kakao is set up here.")
    linked: bool
    linked_at: datetime | None = None


class JsonWebKey(BaseModel):
    """A public key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class JsonWebKeySet(BaseModel):
    keys: list[JsonWebKey]


class Done(BaseModel):
    success: Literal[True] = True
    message: str
