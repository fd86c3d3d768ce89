"""Whatever a secret is, it does not come through in any of the forms in which it is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.masking import masked, masked_within

FORMS = (
    "postgresql+psycopg://app:{}@127.0.0.1:5432/db is away",
    "redis://:{}@127.0.0.1/0",
    "Authorization: Basic {}",
    "'authorization': 'Bearer {}'",
    "sent Bearer {} to it",
    "Cookie: a=b; session={}; c=d",
    "Set-Cookie: session={}; HttpOnly",
    "password={}&next=/",
    '{{"new_password": "{}"}}',
    "client_secret='{}'",
    "/api/auth/verify?token={}&x=1",
    "scd_{}",
    "$argon2id$v=19$m=19456${}",
    "mail to {}@shop.example failed",
)
NAMES = ("password", "new_password", "refresh_token", "client_secret", "Cookie", "Authorization", "PASSWD")

secrets = st.text("abcdefghijkmnopqrstuvwxyzABCDEFGHIJKLMNPQRSTUVWXYZ23456789-_", min_size=12, max_size=60)
around = st.text(" 가나.,:;=01!?'\"\n", max_size=20)
"""Of letters that are in no secret."""


@given(secret=secrets, form=st.sampled_from(FORMS), before=around, after=around)
def test_no_form_of_a_secret_comes_through(secret: str, form: str, before: str, after: str) -> None:
    text = f"{before} {form.format(secret)} {after}"
    assert secret not in json.dumps(masked_within({"event": text, "deep": [{"a": (text, ValueError(text))}]}))


PIECES = (
    *("://a@", "@b.c", "eyJa.b.c", "sct_", "SCD_x", "set-cookie: ", "Authorization=", "bearer ", "BASIC x"),
    *("passwd=", "pass", "word:", "Passphrase: ", "secret='", "_token=", "$argon2id$", "010", "-1234"),
    *("5678", "DETAIL: ", "[parameters: ", " ", "x", "\n", '"'),
)


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=8))
def test_what_is_left_out_for_speed_would_have_changed_nothing(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert f"가 {masked(text)}" == masked(f"가 {text}"), "a text with Korean in it is always looked through"


@given(secret=st.text(min_size=8), name=st.sampled_from(NAMES))
def test_a_field_known_by_its_name_goes_whatever_it_looks_like(secret: str, name: str) -> None:
    assert masked_within({"deep": {name: secret, f"x_{name}": [secret]}}) == {
        "deep": {name: "[removed]", f"x_{name}": "[removed]"}
    }


@pytest.mark.parametrize(
    "line",
    [
        {
            "event": "refresh_token_replayed",
            "user_id": 3,
            "token_id": 7,
            "session_id": "5f1c",
            "shop_id": None,
        },
        {"event": "request", "method": "GET", "path": "/api/machines/5/series", "seconds": 0.012},
        {"event": "threshold_work_given_up", "device_key": "NODE-7", "level": "error"},
    ],
)
def test_what_the_operator_needs_stays(line: dict[str, object]) -> None:
    assert masked_within(line) == line
