"""Mail: written with the change that is the reason for it, delivered after the commit, leaving no secret."""

import contextlib
import email
import socketserver
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import select, text

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.mail import outbox, queries, service
from signalcraft.mail.models import OutgoingMail
from signalcraft.mail.templates import TEMPLATES, render
from signalcraft.settings import get_settings

LINK = "https://shop.example/reset-password#sct0ken"
VALUES = {"name": "민지", "minutes": "30", "link": LINK}


def put(to: str = "minji@shop.example", **changes: str) -> int:
    with unit_of_work() as session:
        service.send(session, to=to, template="reset_password", language="ko", values=VALUES | changes)
        return session.scalars(select(OutgoingMail.id)).one()


def row() -> OutgoingMail:
    with unit_of_work() as session:
        return session.scalars(select(OutgoingMail)).one()


def files() -> list[EmailMessage]:
    folder = get_settings().data_dir / "mail"
    return [_read(path) for path in sorted(folder.glob("*.eml"))]


def _read(path: Path) -> EmailMessage:
    assert path.stat().st_mode & 0o077 == 0, "others must not read it"
    message = email.message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    path.unlink()
    return message


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content


def test_without_a_server_a_mail_becomes_a_file_and_its_secret_is_forgotten(database: None) -> None:
    files()
    mail_id = put()
    outbox.deliver(mail_id)
    outbox.deliver(mail_id)
    (message,) = files()
    assert message["To"] == "minji@shop.example"
    assert message["Subject"] == "비밀번호 다시 정하기"
    assert LINK in text_of(message)
    assert f'href="{LINK}"' in text_of(message, "html")
    kept = row()
    assert (kept.state, kept.substitutions) == ("delivered", None)


def test_a_change_that_is_undone_sends_nothing(database: None) -> None:
    with contextlib.suppress(ZeroDivisionError), unit_of_work() as session:
        service.send(session, to="a@b.example", template="reset_password", language="en", values=VALUES)
        raise ZeroDivisionError
    with unit_of_work() as session:
        assert session.scalar(text("SELECT count(*) FROM outgoing_mails")) == 0


def test_a_name_can_add_neither_a_header_nor_markup(database: None) -> None:
    files()
    with unit_of_work() as session:
        service.send(
            session,
            to="a@b.example",
            template="invitation",
            language="en",
            values={
                "shop": "Ice\r\nBcc: everybody@b.example\n\n<script>alert(1)</script>",
                "inviter": "{link} %s",
                "role": "viewer",
                "days": "7",
                "link": LINK,
            },
        )
        mail_id = session.scalars(select(OutgoingMail.id)).one()
    outbox.deliver(mail_id)
    (message,) = files()
    assert message["Bcc"] is None
    assert message["Subject"].strip().startswith("You are invited to Ice Bcc: everybody@b.example")
    assert "<script>" not in text_of(message, "html")
    assert "{link} %s invites you" in text_of(message)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_can_be_filled_in(template: str, language: str) -> None:
    names = ("name", "hours", "minutes", "days", "shop", "inviter", "role", "new_email", "link")
    names += ("place", "state", "title", "seen", "began_at", "step", "runbook")
    rendered = render(template, language, {name: f"<{name}>" for name in names})
    assert "{" not in rendered.text + rendered.subject
    assert ("<link>" in rendered.text) == (TEMPLATES[template].link is not None)
    assert "<name>" not in rendered.html


class SmtpServer(socketserver.ThreadingTCPServer):
    """As much of RFC 5321 as a delivery needs; refuses as many mails as it is told to."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SmtpSession)
        self.received: list[str] = []
        self.commands: list[str] = []
        self.refusals = 0


class _SmtpSession(socketserver.StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        self.say("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            self.server.commands.append(line)
            if verb == "DATA" and self.server.refusals:
                self.server.refusals -= 1
                self.say("451 try later")
            elif verb == "DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.received.append(b"".join(lines).decode())
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 yes")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def smtp(change_settings: Callable[..., None]) -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        change_settings(SIGNALCRAFT_SMTP_URL=f"smtp://127.0.0.1:{server.server_address[1]}")
        yield server
        server.shutdown()


def test_a_server_that_refuses_is_asked_again_later(database: None, smtp: SmtpServer) -> None:
    smtp.refusals = 1
    mail_id = put()
    outbox.deliver(mail_id)
    outbox.deliver(mail_id)  # not yet due
    waits = row()
    assert (waits.state, waits.attempts, waits.reason) == ("waiting", 1, "SMTPDataError 451")
    assert waits.substitutions == VALUES
    assert smtp.received == []
    with unit_of_work() as session:
        session.execute(text("UPDATE outgoing_mails SET claimable_at = now()"))
    outbox.deliver(mail_id)
    assert row().state == "delivered"
    assert len(smtp.received) == 1
    assert "rcpt TO:<minji@shop.example>" in smtp.commands


def test_a_mail_that_nobody_takes_is_given_up_with_its_secret(
    database: None, change_settings: Callable[..., None]
) -> None:
    change_settings(SIGNALCRAFT_SMTP_URL="smtp://127.0.0.1:1")
    mail_id = put()
    for _ in range(len(outbox.PAUSES) + 1):
        with unit_of_work() as session:
            session.execute(text("UPDATE outgoing_mails SET claimable_at = now()"))
        outbox.deliver(mail_id)
    given_up = row()
    assert (given_up.state, given_up.substitutions) == ("failed", None)
    assert given_up.reason == "ConnectionRefusedError"


def test_a_password_is_not_said_to_a_server_without_tls(
    database: None, smtp: SmtpServer, change_settings: Callable[..., None]
) -> None:
    port = smtp.server_address[1]
    change_settings(SIGNALCRAFT_SMTP_URL=f"smtp://me:secret@127.0.0.1:{port}")
    outbox.deliver(put())
    assert row().state == "waiting"
    assert not [line for line in smtp.commands if line.upper().startswith("AUTH")]


def test_what_a_worker_left_behind_is_found_after_its_lease(database: None) -> None:
    mail_id = put()
    now = utc_now()
    with unit_of_work() as session:
        mail = queries.claim(session, mail_id, now + timedelta(seconds=1))
        assert mail is not None
        mail.claimable_at = now + outbox.LEASE
    with unit_of_work() as session:
        assert queries.waiting(session, now, 10) == []
        assert queries.waiting(session, now + outbox.LEASE, 10) == [mail_id]
