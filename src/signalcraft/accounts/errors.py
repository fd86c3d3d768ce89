"""What can go wrong with accounts."""

from signalcraft.errors import UnauthenticatedError


class WrongCredentialsError(UnauthenticatedError):
    """The same answer for an unknown name and a wrong password."""

    title = "Sign-in failed"

    def __init__(self) -> None:
        super().__init__(
            "The user name or the password is wrong. 사용자 이름 또는 비밀번호가 올바르지 않습니다."
        )


class SessionEndedError(UnauthenticatedError):
    title = "The session has ended"

    def __init__(self) -> None:
        super().__init__("The session has ended: please sign in again. 다시 로그인해 주세요.")
