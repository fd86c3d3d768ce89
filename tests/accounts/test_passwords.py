"""Hashing that a flood cannot turn against everybody else, and which passwords are taken."""

import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import pytest

from people import Person, sign_in
from signalcraft.accounts import passwords
from signalcraft.accounts.errors import WrongCredentialsError
from signalcraft.accounts.password_rules import common_passwords, require_acceptable
from signalcraft.db.engine import get_engine
from signalcraft.errors import InvalidInputError, UnavailableError


def test_a_flood_of_sign_ins_is_turned_away(admin: Person) -> None:
    outcomes: list[str] = []
    said: list[str] = []

    def attempt() -> None:
        try:
            sign_in(admin.username, "wrong")
        except WrongCredentialsError:
            outcomes.append("refused")
        except UnavailableError as busy:
            outcomes.append("busy")
            said.append(busy.headers["Retry-After"])

    admitted, free = passwords._AT_ONCE + passwords.HASHES_WAITING, threading.Event()
    held = [passwords._HASHERS.submit(free.wait, 20) for _ in range(passwords._AT_ONCE)]
    with ThreadPoolExecutor(40) as flood:
        attempts = [flood.submit(attempt) for _ in range(40)]
        while len(outcomes) < 40 - admitted:
            threading.Event().wait(0.01)
        # While a dozen wait for their turn to hash, none of them holds a connection of the database.
        assert get_engine().pool.checkedout() == 0  # type: ignore[attr-defined]
        free.set()
        for done in attempts:
            done.result(20)
    assert all(turn.result(20) for turn in held)
    assert outcomes.count("refused") == admitted
    assert outcomes.count("busy") == 40 - admitted
    assert set(said) == {"1"}


@pytest.mark.parametrize("stored", [None, passwords.NO_PASSWORD])
def test_who_has_no_password_is_as_much_work_as_anybody(stored: str | None) -> None:
    def seconds(stored: str | None) -> float:
        started = perf_counter()
        assert not passwords.verify_password(stored, "a guess")
        return perf_counter() - started

    real = passwords.hash_password("something else")
    assert min(seconds(stored) for _ in range(5)) > 0.5 * min(seconds(real) for _ in range(5))


def test_the_same_characters_are_the_same_password() -> None:
    composed = "비밀번호 é"
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert passwords.verify_password(passwords.hash_password(composed), decomposed)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "correcthorse",
        "12345678 but longer than that",
        "냉동고가 윙윙거린다",
        " leading and trailing ",
        "kimchi-jjigae-for-kim",
        "x1" * 64,
    ],
)
def test_a_password_needs_no_mixture_of_characters(password: str) -> None:
    require_acceptable(password, field="password", context=("kim", "kim@example.com"))


@pytest.mark.parametrize(
    "password",
    [
        "seven77",
        "x" * 129,
        "password",
        "PASSWORD1",
        "qwertyuiop",
        "zzzzzzzzzz",
        "minsu.kim1",
        "SignalCraft1!",
    ],
)
def test_the_first_that_are_tried_are_refused_in_both_languages(password: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        require_acceptable(password, field="password", context=("minsu.kim", None))
    assert caught.value.field == "password"
    assert "비밀번호" in caught.value.detail


def test_the_list_holds_what_could_be_chosen_here() -> None:
    assert len(common_passwords()) > 8000
    assert min(map(len, common_passwords())) >= 8
