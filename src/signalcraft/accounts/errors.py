"""What can go wrong with accounts."""

from datetime import timedelta
from http import HTTPStatus

from signalcraft.errors import InvalidInputError, SignalCraftError, UnauthenticatedError


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


class WrongCodeError(UnauthenticatedError):
    title = "Sign-in failed"

    def __init__(self) -> None:
        super().__init__(
            "The code is wrong or was used before. 인증 코드가 올바르지 않거나 이미 사용되었습니다.",
            field="code",
        )


class ProviderAnswerError(UnauthenticatedError):
    """What came back from another provider is no answer to what this browser asked."""

    title = "Sign-in failed"

    def __init__(self) -> None:
        super().__init__(
            "The sign-in with Kakao could not be completed; please start again."
            " 카카오 로그인을 완료하지 못했습니다. 다시 시도해 주세요."
        )


class TooManyAttemptsError(SignalCraftError):
    """Guessing has to wait; a recovery code still opens."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    title = "Too many attempts"

    def __init__(self, wait: timedelta) -> None:
        super().__init__(
            "Too many wrong codes: please wait, or use a recovery code."
            " 잘못된 코드를 너무 많이 입력했습니다. 잠시 기다리거나 복구 코드를 사용해 주세요.",
            field="code",
        )
        self.headers = {"Retry-After": str(max(1, int(wait.total_seconds())))}


class LinkOverError(InvalidInputError):
    """The same answer for a link that never was, was used, and is too old."""

    title = "The link is not good any more"

    def __init__(self) -> None:
        super().__init__(
            "The link was used before or is too old: ask for another one."
            " 이미 사용했거나 기한이 지난 링크입니다. 다시 요청해 주세요.",
            field="token",
        )


class TokenRefusedError(UnauthenticatedError):
    """The same answer for an API token that never was, is over, and was revoked."""

    title = "The token is not accepted"

    def __init__(self) -> None:
        super().__init__("The token is not good, or not any more. 유효하지 않은 토큰입니다.")
