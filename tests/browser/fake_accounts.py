"""Answers of the routes of accounts: one per address, replaced by the tests that want another."""

from collections.abc import Callable
from typing import Any

from fake_data import Json

Answer = Callable[[Json], tuple[int, Json]]
"""From the body of a request to the status and document; from 400 on `detail` and `errors` of the problem."""


def always(status: int, **document: Any) -> Answer:
    return lambda _: (status, document)


ADMINISTRATOR: Json = {"id": 1, "username": "admin", "role": "admin"}
FACTOR = {"enrolled": False, "required": False, "used": False, "recovery_codes_left": 0}

ACCOUNT_ANSWERS: dict[str, Answer] = {
    "GET /api/auth/second-factor": always(200, **FACTOR),
    "GET /api/kakao/login": always(404, detail="Not set up here."),
}
