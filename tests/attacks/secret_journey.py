"""A wide walk through both tiers with secrets that can be recognised, in a process of its own.

    python tests/attacks/secret_journey.py ANSWERS

Its standard output is the log of a process of SignalCraft; ANSWERS becomes a JSON document with the secrets,
the answers that were errors, and what the database keeps to be told. Errors go to SENTRY_DSN.
The tables must be empty: `test_secrets.py` sees to that.
"""

import json
import logging as stdlib_logging
import sys
from pathlib import Path
from typing import Any

import pyotp
import sentry_sdk
from mailbox_of import deliver
from sqlalchemy import text
from starlette.testclient import TestClient, httpx

import signalcraft.tables  # noqa: F401  # foreign keys need every table known
from signalcraft import logging
from signalcraft.api.app import create_app as create_api
from signalcraft.db.engine import make_owner_engine
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.app import create_app as create_gateway
from signalcraft.settings import get_settings

PASSWORD, NEW_PASSWORD, WRONG = "Secret-Old-Password-7", "Secret-New-Password-7", "Secret-Wrong-Guess-7"
EMAIL = "minji@secret.example"
BROKEN = ("outgoing_mails", "refresh_tokens", "device_keys", "api_tokens", "one_time_tokens")
"""Tables that go missing in the middle of work: errors with everything at hand that could be told."""


class Journey:
    """Both tiers, what they were told in confidence, and what they said where they refused."""

    def __init__(self) -> None:
        settings = get_settings()
        self.secrets: dict[str, str] = {"password": PASSWORD, "new password": NEW_PASSWORD, "guess": WRONG}
        self.errors: list[str] = []
        self.statuses: list[int] = []
        self.people = TestClient(
            create_gateway(settings), headers={"X-Requested-With": "x"}, raise_server_exceptions=False
        )
        self.machines = create_api(settings).test_client()
        self.headers: dict[str, str] = {}

    def ask(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        """The answer of the people's tier."""
        reply = self.people.request(method, path, headers=self.headers | sent.pop("headers", {}), **sent)
        self._note(reply.status_code, reply.text + str(reply.headers if reply.status_code >= 400 else ""))
        return dict(reply.json()) if reply.headers.get("content-type", "").endswith("json") else {}

    def ask_machines(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        reply = self.machines.open(
            path, method=method, headers=self.headers | sent.pop("headers", {}), **sent
        )
        self._note(reply.status_code, reply.text)
        return dict(reply.get_json(silent=True) or {})

    def keep(self, **secrets: str) -> None:
        """Remember them; of those that change, each."""
        for name, secret in secrets.items():
            self.secrets[name.replace("_", " ")] = secret
            self.secrets[f"{name} {len(self.secrets)}"] = secret

    def sign_in(self, password: str) -> dict[str, Any]:
        self.headers = {}
        body = {"username": EMAIL, "password": password, "delivery": "body"}
        answer = self.ask("POST", "/api/auth/login", json=body)
        if "access_token" in answer:
            self.headers = {"Authorization": f"Bearer {answer['access_token']}"}
            self.keep(access_token=answer["access_token"], refresh_token=answer["refresh_token"])
        return answer

    def _note(self, status: int, document: str) -> None:
        self.statuses.append(status)
        if status >= 400:
            self.errors.append(document)


def link_in_mail() -> str:
    """The secret of the link in the newest mail."""
    return deliver()[-1].token


def walk(journey: Journey) -> None:
    """Everything that takes or gives a secret, well and wrongly."""
    consent = {"privacy_agree": True, "terms_agree": True, "username": "minji", "email": EMAIL}
    journey.ask("POST", "/api/auth/register", json=consent | {"password": PASSWORD})
    journey.ask("POST", "/api/auth/register", json=consent | {"password": WRONG, "is_admin": WRONG})
    journey.keep(registration_link=link_in_mail())
    journey.ask("POST", "/api/auth/confirm-email", json={"token": journey.secrets["registration link"]})
    journey.ask("POST", "/api/auth/confirm-email", json={"token": journey.secrets["registration link"]})
    _give_a_shop()
    journey.sign_in(WRONG)
    journey.sign_in(PASSWORD)
    journey.ask("POST", "/api/auth/refresh", json={"refresh_token": journey.secrets["refresh token"]})
    journey.ask("GET", "/api/auth/verify", headers={"Authorization": f"Bearer {WRONG}"})
    changed = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    journey.ask("POST", "/api/auth/change-password", json=changed)
    journey.ask("POST", "/api/auth/change-password", json=changed | {"current_password": WRONG})
    _second_factor(journey)
    _programs_and_nodes(journey)
    journey.ask("POST", "/api/auth/forgot-password", json={"email": EMAIL})
    journey.keep(reset_link=link_in_mail())
    journey.ask(
        "POST", "/api/auth/reset-password", json={"token": journey.secrets["reset link"], "password": "short"}
    )
    journey.keep(code_of_kakao="secret-code-of-kakao", state_of_kakao="secret-state-of-kakao")
    query = "code=secret-code-of-kakao&state=secret-state-of-kakao"
    journey.ask("GET", f"/api/kakao/callback?{query}")


def _give_a_shop() -> None:
    """The first one; who gives it is no secret."""
    with unit_of_work() as session:
        session.execute(text("INSERT INTO shops (name) VALUES ('Ice & Co')"))
        session.execute(
            text(
                "INSERT INTO shop_members (user_id, shop_id, role)"
                " SELECT users.id, shops.id, 'store_owner' FROM users, shops"
            )
        )


def _second_factor(journey: Journey) -> None:
    enrolled = journey.ask("POST", "/api/auth/second-factor/enrol", json={"password": NEW_PASSWORD})
    journey.keep(secret_of_the_app=enrolled["secret"])
    journey.ask("POST", "/api/auth/second-factor/confirm", json={"code": "000000"})
    code = pyotp.TOTP(enrolled["secret"]).now()
    codes = journey.ask("POST", "/api/auth/second-factor/confirm", json={"code": code})["recovery_codes"]
    journey.keep(recovery_code=codes[0], another_recovery_code=codes[1])
    ticket = journey.sign_in(NEW_PASSWORD)["ticket"]
    journey.keep(ticket=ticket)
    body = {"ticket": ticket, "code": codes[0], "delivery": "body"}
    journey.ask("POST", "/api/auth/second-factor", json=body | {"code": WRONG})
    answer = journey.ask("POST", "/api/auth/second-factor", json=body)
    journey.headers = {"Authorization": f"Bearer {answer['access_token']}"}
    journey.keep(access_token=answer["access_token"], refresh_token=answer["refresh_token"])


def _programs_and_nodes(journey: Journey) -> None:
    token = {"name": "export", "permissions": ["fleet.read"]}
    journey.keep(api_token=journey.ask("POST", "/api/account/tokens", json=token)["secret"])
    program = {"Authorization": f"Bearer {journey.secrets['api token']}"}
    journey.ask_machines("GET", "/api/shops", headers=program)
    journey.ask_machines("POST", "/api/shops", json={"name": "x"}, headers=program)
    shop_id = 1
    code = journey.ask_machines("POST", "/api/claim-codes", json={"shop_id": shop_id, "machine_name": "F"})[
        "code"
    ]
    journey.keep(claim_code=code)
    claim = {"device_id": "NODE-7", "claim_code": code}
    journey.keep(device_key=journey.ask_machines("POST", "/api/esp32/claim", json=claim)["key"])
    journey.ask_machines("POST", "/api/esp32/claim", json=claim)
    for key in (journey.secrets["device key"], f"scd_{WRONG}"):
        journey.ask_machines("GET", "/api/esp32/config?device_id=NODE-7", headers={"X-Device-Key": key})
    issued = journey.ask_machines("POST", "/api/devices/NODE-7/keys")
    journey.keep(next_device_key=issued["secret"])
    invited = {"email": "somin@secret.example", "role": "viewer"}
    journey.ask("POST", f"/api/members/{shop_id}/invitations", json=invited)
    journey.keep(invitation_link=link_in_mail())
    journey.ask("POST", "/api/auth/invitation", json={"token": journey.secrets["invitation link"]})


def break_down(journey: Journey) -> None:
    """The same again while one table after the other is away."""
    owner = make_owner_engine(get_settings())
    for table in BROKEN:
        with owner.begin() as connection:
            connection.execute(text(f"ALTER TABLE {table} RENAME TO away"))
        try:
            secrets = journey.secrets
            body = {"username": EMAIL, "password": NEW_PASSWORD}
            journey.ask("POST", "/api/auth/login", json=body, headers={"Authorization": ""})
            journey.ask("POST", "/api/auth/refresh", json={"refresh_token": secrets["refresh token"]})
            journey.ask(
                "POST",
                "/api/auth/reset-password",
                json={"token": secrets["reset link"], "password": NEW_PASSWORD},
            )
            journey.ask(
                "GET", "/api/auth/verify", headers={"Authorization": f"Bearer {secrets['api token']}"}
            )
            journey.ask("POST", "/api/account/tokens", json={"name": "x", "permissions": ["fleet.read"]})
            journey.ask(
                "POST", "/api/members/1/invitations", json={"email": "a@secret.example", "role": "viewer"}
            )
            journey.ask_machines(
                "GET", "/api/esp32/config?device_id=NODE-7", headers={"X-Device-Key": secrets["device key"]}
            )
            journey.ask_machines("POST", "/api/devices/NODE-7/keys")
        finally:
            with owner.begin() as connection:
                connection.execute(text(f"ALTER TABLE away RENAME TO {table}"))
    _break_a_rule()


def _break_a_rule() -> None:
    """What the database refuses it repeats, row and all; logged and reported as a task's failure would be."""
    try:
        with unit_of_work() as session:
            session.execute(
                text(
                    "INSERT INTO users (username, full_name, role, password_hash)"
                    " VALUES (NULL, 'x', 'user', :hash)"
                ),
                {"hash": f"$argon2id${PASSWORD}"},
            )
    except Exception as error:
        logging.get_logger("journey").exception("failed")
        sentry_sdk.capture_exception(error)


def told() -> list[str]:
    """Everything that the system keeps in order to tell it, or has told."""
    tables = ("outbox", "audit_records", "notifications", "outgoing_mails")
    with unit_of_work() as session:
        return [
            row
            for table in tables
            for row in session.scalars(text(f"SELECT to_jsonb(t)::text FROM {table} t")).all()  # noqa: S608
        ]


def main() -> None:
    logging.configure(get_settings(), "journey")
    stdlib_logging.getLogger(httpx.__name__).setLevel("WARNING")  # the client of this walk, not a part of it
    journey = Journey()
    with journey.people:
        walk(journey)
        kept = told()
        break_down(journey)
    sentry_sdk.flush(10)
    document = {
        "secrets": journey.secrets,
        "errors": journey.errors,
        "statuses": journey.statuses,
        "told": kept,
    }
    Path(sys.argv[1]).write_text(json.dumps(document))


if __name__ == "__main__":
    main()
