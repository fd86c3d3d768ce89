"""Every setting that may change while the system runs, with its type and default.

What needs a restart, names a secret or a file, or could lock everybody out is not here but in `settings.py`.
"""

from pydantic import BaseModel, ConfigDict, Field


class RuntimeSettings(BaseModel):
    """The settings in force."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    registration_open: bool = Field(
        True, description="People may register themselves. 누구나 회원 가입을 할 수 있습니다."
    )
    second_factor_required_for_administrators: bool = Field(
        False,
        description="An administrator has no rights until they have added a second factor and shown it."
        " 관리자는 2단계 인증을 사용해야 권한을 가집니다.",
    )
    new_devices_admitted: bool = Field(
        True,
        description="A node that was never heard before is taken in until somebody claims it."
        " 처음 보는 장치도 등록될 때까지 데이터를 받습니다.",
    )
