"""What administrators may do with people, shops and devices, and what takes effect at once."""

from datetime import timedelta
from time import sleep
from typing import Any

import pytest
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer, make_person
from signalcraft.accounts import administration, service
from signalcraft.accounts.models import User
from signalcraft.audit import service as audit
from signalcraft.audit.queries import Wanted
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.errors import ConflictError


class Caller:
    """Somebody with a session at the administration's routes."""

    def __init__(self, client: TestClient, person: Person) -> None:
        self._client, self._headers = client, bearer(client, person)

    def __call__(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        """The data of the answer, whose status must be this one."""
        answer = self._client.request(method, path, headers=self._headers, **body)
        assert answer.status_code == status, answer.text
        return answer.json().get("data")


@pytest.fixture
def boss(gateway_client: TestClient, database: None) -> Caller:
    return Caller(gateway_client, make_person("boss", role="super_admin"))


@pytest.fixture
def clerk(gateway_client: TestClient, admin: Person) -> Caller:
    return Caller(gateway_client, admin)


def number_of(person: Person) -> str:
    return f"/api/admin/users/{person.principal.user_id}"


def actions() -> list[str]:
    with unit_of_work() as session:
        return [record.action for record in audit.newest(session, Wanted(), limit=100)]


def test_people_are_found_by_part_of_a_name_a_page_at_a_time(boss: Caller, fleet: FleetFixture) -> None:
    for number in range(5):
        make_person(f"keeper{number}", shops={fleet.shop.id: "viewer"})
    page = boss("GET", "/api/admin/users?search=KEEPER&per_page=2&page=2")
    assert [item["username"] for item in page["items"]] == ["keeper2", "keeper3"]
    assert (page["total"], page["page"], page["per_page"]) == (5, 2, 2)
    assert page["items"][0]["grants"][0]["shop_name"] == fleet.shop.name
    assert boss("GET", "/api/admin/users?search=%25")["total"] == 0, "% is no wildcard"
    boss("GET", "/api/admin/users?nonsense=1", 422)


def test_only_super_administrators_decide_about_administrators(
    boss: Caller, clerk: Caller, admin: Person
) -> None:
    person = make_person("person")
    clerk("PATCH", number_of(person), 403, json={"role": "admin"})
    clerk("POST", "/api/admin/users", 403, json={"username": "another", "role": "admin"})
    clerk("PATCH", number_of(admin), 403, json={"role": "super_admin"})
    other = make_person("other-admin", role="admin")
    for method, path in (("PATCH", ""), ("POST", "/reset-password"), ("DELETE", "/second-factor")):
        clerk(method, number_of(other) + path, 403, **({"json": {"status": "suspended"}} if not path else {}))
    assert boss("PATCH", number_of(person), json={"role": "admin"})["role"] == "admin"
    assert "user.role_changed" in actions()


def test_the_last_super_administrator_stays(boss: Caller) -> None:
    me = boss("GET", "/api/admin/users?role=super_admin")["items"][0]["id"]
    boss("PATCH", f"/api/admin/users/{me}", 409, json={"role": "user"})
    boss("PATCH", f"/api/admin/users/{me}", 409, json={"status": "suspended"})
    with pytest.raises(ConflictError), unit_of_work() as session:
        administration.promote(session, "boss", "admin")
    make_person("second", role="super_admin")
    assert boss("PATCH", f"/api/admin/users/{me}", json={"role": "user"})["role"] == "user"
    boss("GET", "/api/admin/users", 403)


def test_an_installation_from_before_gets_a_super_administrator(database: None) -> None:
    oldest = make_person("oldest", role="admin")
    make_person("later", role="admin")
    with unit_of_work() as session:
        assert service.ensure_administrator(session) is None
        assert session.get_one(User, oldest.principal.user_id).role == "super_admin"


def test_a_grant_counts_at_the_next_request_and_ends_when_it_is_over(
    gateway_client: TestClient, boss: Caller, fleet: FleetFixture
) -> None:
    person = make_person("person")
    caller = Caller(gateway_client, person)
    members, grant = f"/api/members/{fleet.shop.id}", f"{number_of(person)}/grants/{fleet.shop.id}"
    caller("GET", members, 403)
    boss("PUT", grant, json={"role": "store_owner"})
    assert caller("GET", members)[0]["username"] == "person"
    boss("PUT", grant, 422, json={"role": "viewer", "expires_at": "2020-01-01T00:00:00Z"})
    soon = utc_now() + timedelta(seconds=1.5)
    boss("PUT", grant, json={"role": "store_owner", "expires_at": soon.isoformat()})
    caller("GET", members)
    sleep(max(0, (soon - utc_now()).total_seconds()))
    caller("GET", members, 403)
    boss("DELETE", grant)
    boss("DELETE", grant, 404)


def test_an_owner_looks_after_the_people_of_the_shop_and_no_others(
    gateway_client: TestClient, fleet: FleetFixture, owner: Person, stranger: Person
) -> None:
    caller, members = Caller(gateway_client, owner), f"/api/members/{fleet.shop.id}"
    technician = make_person("technician", shops={fleet.shop.id: "technician"})
    caller("PUT", f"{members}/{technician.principal.user_id}", json={"role": "viewer"})
    caller("PUT", f"{members}/{stranger.principal.user_id}", 404, json={"role": "viewer"})
    caller("PUT", f"{members}/{owner.principal.user_id}", 409, json={"role": "viewer"})
    caller("DELETE", f"{members}/{owner.principal.user_id}", 409)
    caller("DELETE", f"{members}/{technician.principal.user_id}")
    assert [item["username"] for item in caller("GET", members)] == ["owner"]
    records = caller("GET", "/api/admin/audit?action=grant.")["records"]
    assert [item["action"] for item in records] == ["grant.withdrawn", "grant.given"]


def test_a_suspended_shop_is_hidden_from_its_people_and_still_there(
    gateway_client: TestClient, boss: Caller, fleet: FleetFixture, owner: Person
) -> None:
    caller, shop = Caller(gateway_client, owner), f"/api/admin/shops/{fleet.shop.id}"
    caller("GET", f"/api/members/{fleet.shop.id}")
    assert boss("POST", f"{shop}/suspend")["status"] == "suspended"
    caller("GET", f"/api/members/{fleet.shop.id}", 403)
    assert boss("GET", f"{shop}")["machines"] == 1
    assert boss("POST", f"{shop}/approve")["status"] == "active"
    caller("GET", f"/api/members/{fleet.shop.id}")
    assert actions().count("shop.status_changed") == 2


def test_suspending_somebody_signs_them_out(gateway_client: TestClient, boss: Caller) -> None:
    person = make_person("person")
    caller = Caller(gateway_client, person)
    caller("GET", "/api/auth/sessions")
    boss("PATCH", number_of(person), json={"status": "suspended"})
    caller("GET", "/api/auth/sessions", 401)


def test_sessions_and_passwords_of_others(gateway_client: TestClient, boss: Caller) -> None:
    person = make_person("person")
    caller = Caller(gateway_client, person)
    [session] = boss("GET", f"/api/admin/sessions?user_id={person.principal.user_id}")["items"]
    boss("DELETE", f"/api/admin/sessions/{session['id']}")
    boss("DELETE", f"/api/admin/sessions/{session['id']}", 404)
    caller("GET", "/api/auth/sessions", 401)
    password = boss("POST", f"{number_of(person)}/reset-password")["password"]
    answer = gateway_client.post("/api/auth/login", json={"username": "person", "password": password})
    assert answer.status_code == 200


def test_a_blocked_device_is_let_in_again(boss: Caller, fleet: FleetFixture) -> None:
    device = f"/api/admin/devices/{fleet.device.device_id}"
    boss("POST", f"{device}/unblock", 409)
    assert boss("POST", f"{device}/block")["admission"] == "blocked"
    assert boss("GET", "/api/admin/devices?state=blocked")["total"] == 1
    assert boss("POST", f"{device}/unblock")["admission"] == "key"


def test_settings_change_one_by_one_and_are_recorded(boss: Caller, clerk: Caller) -> None:
    clerk("GET", "/api/admin/settings", 403)
    before = boss("GET", "/api/admin/settings")
    after = boss("PATCH", "/api/admin/settings", json={"new_devices_admitted": False})
    assert after == before | {"new_devices_admitted": False} != before
    boss("PATCH", "/api/admin/settings", 422, json={"registration_open": "yes"})
    boss("PATCH", "/api/admin/settings", 422, json={"unknown": True})
    [record] = boss("GET", "/api/admin/audit?action=setting.changed")["records"]
    assert record["subject"] == "setting:new_devices_admitted"
    assert (record["username"], record["detail"]) == ("boss", {"from": True, "to": False})


def test_the_audit_log_as_a_file_can_be_read_by_spreadsheets_and_leads_nobody_astray(
    gateway_client: TestClient, admin: Person
) -> None:
    with unit_of_work() as session:
        audit.record(session, "thing.done", user_id=None, subject="=cmd()", detail={"login": "a"})
    headers = bearer(gateway_client, admin)
    csv = gateway_client.get("/api/admin/audit/export?format=csv", headers=headers).text
    assert csv.splitlines()[0].startswith("id,at,action,user_id")
    assert ",'=cmd()," in csv
    lines = gateway_client.get("/api/admin/audit/export?action=thing.", headers=headers).text.splitlines()
    assert len(lines) == 1
    assert '"seal": "' in lines[0]
