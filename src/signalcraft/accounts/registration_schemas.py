"""What registration, recovery and a change of address take and answer."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from signalcraft.accounts.schemas import Password, UserOut
from signalcraft.texts import ONE_LINE, Normalised

EmailAddress = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
        r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
    ),
]
"""An address as HTML's `type=email` has it, with a domain of at least two parts."""

Username = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=3, max_length=32, pattern=r"^[A-Za-z0-9가-힣][A-Za-z0-9가-힣._-]*$"
    ),
    Normalised,
]
"""No `@`: a user name can never be taken for somebody's address."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE), Normalised]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=30, pattern=r"^[0-9+() -]*$")]
NewPassword = Annotated[
    str, Field(max_length=1024, description="8 to 128 characters, not a common password.")
]
Language = Annotated[Literal["ko", "en"], Field(description="Of the mail that this person gets.")]
LinkToken = Annotated[
    str, Field(min_length=20, max_length=64, pattern=r"^[A-Za-z0-9_-]*$", description="From the mail's link.")
]


class Details(BaseModel):
    """What the old registration form asked besides; kept as said, and used for nothing but being read."""

    model_config = ConfigDict(extra="forbid")

    position: Line | None = None
    company: Line | None = None
    industry: Line | None = None
    company_size: Line | None = None
    company_email: EmailAddress | None = None
    address: Line | None = None
    purpose: Line | Annotated[list[Line], Field(max_length=20)] | None = None
    budget: Line | None = None
    timeline: Line | None = None
    device_count: Annotated[int, Field(ge=0, le=1_000_000)] | Line | None = None
    email_alerts: bool | None = None
    email_newsletter: bool | None = None
    sms_alerts: bool | None = None
    kakao_alerts: bool | None = None


class NewAccount(BaseModel):
    """The account that somebody wants: what registration and an invitation share."""

    model_config = ConfigDict(extra="forbid")

    username: Username
    password: NewPassword
    full_name: Line | None = None
    phone: Phone | None = None
    language: Language = "ko"
    privacy_agree: Literal[True] = Field(description="Without it there is no account.")
    terms_agree: Literal[True] = Field(description="Without it there is no account.")
    marketing_agree: bool = False


class RegisterIn(NewAccount, Details):
    """Registration: the old form's fields."""

    email: EmailAddress
    role: Literal["user"] = Field(
        "user", description="Nobody gives themselves rights; any other word is refused."
    )


class Registration(BaseModel):
    """An account to be made when its owner has opened the link."""

    username: str
    password_hash: str
    full_name: str | None
    phone: str | None
    language: Literal["ko", "en"]
    marketing_agree: bool
    agreed_at: datetime
    details: dict[str, Any] | None

    @classmethod
    def of(cls, account: NewAccount, password_hash: str, agreed_at: datetime) -> "Registration":
        """What is kept of an account that somebody wants: never the password."""
        details = account.model_dump(include=set(Details.model_fields), exclude_none=True)
        return cls(
            username=account.username,
            password_hash=password_hash,
            full_name=account.full_name,
            phone=account.phone,
            language=account.language,
            marketing_agree=account.marketing_agree,
            agreed_at=agreed_at,
            details=details or None,
        )


class ConfirmIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: LinkToken
    username: Username | None = Field(
        None, description="Another one, where the registered one is taken by now."
    )


class Confirmed(BaseModel):
    """The account is made, or has its new address; signing in is the next step."""

    success: Literal[True] = True
    message: str
    user: UserOut


class ForgotPasswordIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: EmailAddress
    language: Language = "ko"


class ResetPasswordIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: LinkToken
    password: NewPassword


class ChangeEmailIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: EmailAddress
    password: Password
