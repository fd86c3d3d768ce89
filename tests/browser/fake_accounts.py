"""Answers of the routes of accounts: one per address, replaced by the tests that want another."""

from collections.abc import Callable
from typing import Any

from fake_data import Json, ago

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

SESSIONS: list[Json] = [
    {
        "id": f"00000000-0000-0000-0000-00000000000{number}",
        "device": device,
        "address": f"192.0.2.{number}",
        "created_at": ago(days=number),
        "last_used_at": ago(hours=number),
        "second_factor": number == 1,
        "current": number == 1,
    }
    for number, device in ((1, "Chrome · Windows"), (2, "Safari · iPhone"))
]
TOKEN: Json = {
    "id": 5,
    "name": "night export",
    "beginning": "sct_ab12",
    "permissions": ["export.read", "fleet.read"],
    "shop_ids": [1],
    "created_at": ago(days=2),
    "expires_at": None,
    "last_used_at": ago(hours=3),
    "revoked_at": None,
}
PROFILE: Json = {
    **ADMINISTRATOR,
    "email": "kim@example.com",
    "full_name": "김하나",
    "phone": None,
    "created_at": ago(days=40),
    "last_login": ago(hours=1),
}
MEMBERS: list[Json] = [
    {"user_id": 8, "username": "lee", "full_name": "이두리", "role": "store_owner", "expires_at": None}
]
AUDIT: list[Json] = [
    {
        "id": 1,
        "at": ago(minutes=5),
        "action": "session.opened",
        "user_id": 8,
        "username": "lee",
        "token_id": None,
        "subject": "session:00000000-0000-0000-0000-000000000001",
        "shop_id": None,
        "request_id": None,
        "address": "192.0.2.1",
        "detail": {"device": "Chrome, Windows", "second_factor": False},
        "erased": False,
        "hash": "00",
    }
]

ACCOUNT_ANSWERS |= {
    "GET /api/auth/profile": always(200, user=PROFILE),
    "GET /api/auth/sessions": always(200, sessions=SESSIONS),
    "GET /api/account/tokens": always(200, tokens=[TOKEN]),
    "GET /api/members/1": always(200, data=MEMBERS),
    "GET /api/members/1/invitations": always(200, invitations=[]),
    "GET /api/claim-codes": always(200, claim_codes=[]),
    "GET /api/admin/audit": always(200, data={"records": AUDIT, "next_before": None}),
    "GET /api/kakao/user": always(200, available=False, linked=False, linked_at=None),
}
