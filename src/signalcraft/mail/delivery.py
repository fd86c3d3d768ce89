"""Handing a mail over: to an SMTP server, or as an `.eml` file to a folder that the operator looks into."""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from urllib.parse import unquote, urlsplit

from signalcraft.mail.errors import UndeliveredMailError
from signalcraft.mail.models import OutgoingMail
from signalcraft.mail.templates import render
from signalcraft.settings import get_settings

SMTP_SECONDS = 20
"""For each step of the conversation; the lease of a mail is longer than all of them."""
PORTS = {"smtp": 587, "smtps": 465}


def hand_over(mail: OutgoingMail) -> None:
    """Deliver a mail.

    Raises
    ------
    UndeliveredMailError
        The server or the folder did not take it.
    """
    message = compose(mail)
    url = get_settings().smtp_url
    if url is None:
        _write(mail, message)
    else:
        _submit(url.get_secret_value(), message)


def compose(mail: OutgoingMail) -> EmailMessage:
    """The message: plain text with an HTML alternative. The library refuses a line break in any header."""
    settings = get_settings()
    rendered = render(mail.template, mail.language, mail.substitutions or {})
    name, sender = parseaddr(settings.mail_from)
    message = EmailMessage()
    message["From"] = Address(name, addr_spec=sender)
    message["To"] = Address(addr_spec=mail.recipient)
    message["Subject"] = rendered.subject
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = f"<{mail.created_at:%Y%m%d%H%M%S}.{mail.id}@{sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    message["Content-Language"] = mail.language
    message.set_content(rendered.text)
    message.add_alternative(rendered.html, subtype="html")
    return message


def _write(mail: OutgoingMail, message: EmailMessage) -> None:
    """One file a mail, readable by this account only: links in it open accounts."""
    folder = get_settings().data_dir / "mail"
    name = f"{mail.created_at:%Y%m%d-%H%M%S}-{mail.id}.eml"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished: Path = folder / f".{name}"
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(bytes(message))
        unfinished.rename(folder / name)
    except OSError as error:
        raise UndeliveredMailError(f"{type(error).__name__}: {error.strerror}") from error


def _submit(url: str, message: EmailMessage) -> None:
    """Hand it to an SMTP server: smtps:// with TLS from the start, smtp:// with STARTTLS where it is offered.

    A password is never said without TLS.
    """
    server = urlsplit(url)
    context = ssl.create_default_context()
    host, port = server.hostname or "", server.port or PORTS[server.scheme]
    try:
        connection = (
            smtplib.SMTP_SSL(host, port, timeout=SMTP_SECONDS, context=context)
            if server.scheme == "smtps"
            else smtplib.SMTP(host, port, timeout=SMTP_SECONDS)
        )
        with connection as smtp:
            encrypted = server.scheme == "smtps"
            smtp.ehlo()
            if not encrypted and smtp.has_extn("starttls"):
                smtp.starttls(context=context)
                encrypted = True
            if server.username:
                if not encrypted:
                    raise UndeliveredMailError("the server offers no TLS, and there is a password to say")
                smtp.login(unquote(server.username), unquote(server.password or ""))
            smtp.send_message(message)
    except smtplib.SMTPResponseException as error:
        raise UndeliveredMailError(f"{type(error).__name__} {error.smtp_code}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise UndeliveredMailError(type(error).__name__) from error
