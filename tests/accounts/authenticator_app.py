"""What a person's phone shows."""

from datetime import timedelta

import pyotp

from signalcraft.accounts.second_factor import STEP_SECONDS
from signalcraft.clock import utc_now


class Phone:
    """An authenticator app whose clock can be moved ahead."""

    def __init__(self, secret: str) -> None:
        self.totp = pyotp.TOTP(secret)

    def code(self, *, steps: int = 0) -> str:
        return self.totp.at(utc_now() + timedelta(seconds=steps * STEP_SECONDS))

    def wrong_code(self) -> str:
        near = {self.code(steps=steps) for steps in (-2, -1, 0, 1, 2)}
        return next(code for code in (f"{number:06}" for number in range(6)) if code not in near)
