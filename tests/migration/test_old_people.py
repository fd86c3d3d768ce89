"""Four stores of people become one, nobody gains a right, and old passwords open the door once more."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import bcrypt
import pytest
from old_files import EXPRESS_USERS, FLASK_USERS, PERMISSIONS_USERS, STORES, make
from pydantic import SecretStr

from people import make_person, sign_in
from signalcraft.accounts import passwords
from signalcraft.accounts.errors import WrongCredentialsError
from signalcraft.settings import get_settings

Rows = Callable[..., list[tuple[Any, ...]]]
EXPRESS = "users (username, email, password_hash, full_name, phone, role)"
FLASK = "users (email, password, name)"
PERMISSIONS = (
    "users (user_id, username, email, full_name, role, status, created_at, updated_at, last_login, "
    "password_hash)"
)
UPDATE = "UPDATE users SET password_hash = '{}' WHERE username = 'kim'"
SALT = "a-salt-of-the-tests"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def old_bcrypt(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def permissions_user(number: int, email: str, role: str, status: str, password: str) -> tuple[object, ...]:
    when = "2025-10-15T03:46:40"
    return (f"u{number}", f"user_{number}", email, f"이름 {number}", role, status, when, when, None, password)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    make(
        folder / "database" / "smartcompressor.db",
        EXPRESS_USERS,
        {
            EXPRESS: [
                ("kim", "Kim@Example.com ", old_bcrypt("express-pw"), "김철수", "010-1", "admin"),
                ("twice", "twice@example.com", old_bcrypt("a"), "하나", None, "user"),
                ("TWICE2", "TWICE@example.com", old_bcrypt("b"), "둘", None, "user"),
                ("taken", "other@example.com", "$2y$04$cut-off", None, None, "user"),
                ("nobody", "no e-mail", old_bcrypt("a"), None, None, "user"),
            ]
        },
    )
    make(
        folder / "smartcompressor.db",
        FLASK_USERS,
        {
            FLASK: [
                ("kim@example.com", sha256("flask-pw"), "김 철수"),
                ("lee@example.com", sha256("flask-pw"), "이영희"),
                ("plain@example.com", "plain-pw", "평문"),
                ("kakao@example.com", "kakao_user", "카카오"),
                ("kakao2@example.com", sha256("kakao_user"), "카카오 2"),
            ]
        },
    )
    make(
        folder / "data" / "user_permissions.db",
        PERMISSIONS_USERS,
        {
            PERMISSIONS: [
                permissions_user(1, "kim@example.com", "super_admin", "pending", sha256("x" + SALT)),
                permissions_user(2, "salted@example.com", "technician", "active", sha256("salted-pw" + SALT)),
                permissions_user(3, "waiting@example.com", "store_owner", "pending", sha256("p" + SALT)),
                permissions_user(4, "LEE@example.com", "viewer", "suspended", sha256("p" + SALT)),
                permissions_user(5, "kakao3@example.com", "viewer", "active", sha256("kakao_user" + SALT)),
            ],
            "user_store_access": [
                ("u2", "store_1", '["device_read", "device_update"]', "u1", "x", ""),
                ("u3", "store_1", '["store_read"]', "u1", "x", "2026-01-01T00:00:00"),
                ("ghost", "store_1", "[]", "u1", "x", None),
                ("u2", "store_9", "[]", "u1", "x", None),
            ],
        },
    )
    make(
        folder / "data" / "store_management.db",
        STORES,
        {
            "stores": [("store_1", "아이스크림24 1호점", "u3", "2025-10-15T12:00:00")],
            "store_devices": [("device_1", "store_1", "냉동고 #1", "2025-10-15T12:00:00")],
        },
    )
    return folder


def can_sign_in(login: str, password: str) -> bool:
    try:
        sign_in(login, password)
    except WrongCredentialsError:
        return False
    return True


def test_people_are_merged_by_email_and_ambiguous_ones_reported(
    old: Path, migrate: Any, rows_of: Rows
) -> None:
    make_person("taken")

    result = migrate(old)

    assert result.adds_up
    people = {
        row[0]: row
        for row in rows_of("SELECT email, username, role, status, phone FROM users WHERE email <> ''")
    }
    assert set(people) == {
        f"{name}@example.com"
        for name in (
            "kim",
            "twice",
            "other",
            "lee",
            "plain",
            "kakao",
            "kakao2",
            "kakao3",
            "salted",
            "waiting",
        )
    }
    assert {row[2] for row in people.values()} == {"user"}
    assert people["kim@example.com"][1:] == ("kim", "user", "active", "010-1")
    assert people["waiting@example.com"][3] == "pending"
    assert people["lee@example.com"][3] == "suspended"
    assert people["other@example.com"][1] == "other@example.com"  # `taken` was taken
    moved = result.moved_people
    assert moved.ambiguous == ["twice@example.com"]
    assert moved.not_administrators == ["kim@example.com"]
    assert moved.renamed == ["taken → other@example.com"]
    counts = {a.file: (a.inserted, a.merged, a.rejected) for a in result.accounts if a.table == "users"}
    assert counts == {
        "database/smartcompressor.db": (3, 1, 1),
        "data/user_permissions.db": (4, 1, 0),
        "smartcompressor.db": (3, 2, 0),
    }


def test_shops_rights_and_devices(old: Path, migrate: Any, rows_of: Rows) -> None:
    result = migrate(old, zone_name="Asia/Seoul", zone=ZoneInfo("Asia/Seoul"))
    members = rows_of(
        "SELECT u.email, m.role, m.expires_at IS NULL, s.name, to_char(s.created_at, 'HH24') "
        "FROM shop_members m "
        "JOIN users u ON u.id = m.user_id JOIN shops s ON s.id = m.shop_id ORDER BY 1"
    )
    assert members == [
        ("salted@example.com", "technician", True, "아이스크림24 1호점", "03"),
        ("waiting@example.com", "viewer", False, "아이스크림24 1호점", "03"),
    ]
    [access] = [a for a in result.accounts if a.table == "user_store_access"]
    assert access.reasons == {"unknown_person": 1, "unknown_shop": 1}
    assert rows_of(
        "SELECT d.device_id, m.name, s.name FROM devices d JOIN machines m ON m.id = d.machine_id "
        "JOIN shops s ON s.id = m.shop_id"
    ) == [("device_1", "냉동고 #1", "아이스크림24 1호점")]


def test_old_passwords_work_once_more_and_are_replaced(
    old: Path, migrate: Any, rows_of: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(old)
    hashes = dict(rows_of("SELECT email, password_hash FROM users"))
    assert all("argon2id" in value or value == passwords.NO_PASSWORD for value in hashes.values())

    assert can_sign_in("kim", "express-pw")
    assert not can_sign_in("kim@example.com", "flask-pw")  # Express was where people signed in
    assert can_sign_in("PLAIN@example.com", "plain-pw")
    for email in ("kakao@example.com", "kakao2@example.com"):
        assert not can_sign_in(email, "kakao_user")
    assert not can_sign_in("twice@example.com", "a")
    assert not can_sign_in("lee@example.com", "flask-pw")  # suspended
    assert not can_sign_in("salted@example.com", "salted-pw")
    salted = get_settings().model_copy(update={"old_password_salt": SecretStr(SALT)})
    monkeypatch.setattr(passwords, "get_settings", lambda: salted)
    assert can_sign_in("salted@example.com", "salted-pw")
    assert not can_sign_in("kakao3@example.com", "kakao_user")

    now = dict(rows_of("SELECT email, password_hash FROM users"))
    assert now["kim@example.com"].startswith("$argon2id$")
    assert can_sign_in("kim", "express-pw")
    assert not can_sign_in("kim", hashes["kim@example.com"])


def test_a_password_changed_on_the_old_server_comes_over_until_the_person_signs_in_here(
    old: Path, migrate: Any, rows_of: Rows
) -> None:
    migrate(old)
    path = old / "database" / "smartcompressor.db"
    make(path, UPDATE.format(old_bcrypt("newer")))
    assert migrate(old).adds_up
    assert can_sign_in("kim", "newer")
    make(path, UPDATE.format(old_bcrypt("third")))
    assert migrate(old).adds_up
    assert can_sign_in("kim", "newer")
    assert not can_sign_in("kim", "third")
