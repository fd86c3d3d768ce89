"""What goes out of date unseen: the certificate that people are shown, and the newest backup."""

import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.monitor.sampling import Look
from signalcraft.observability.backup_runs import last_trusted

_TIMEOUT_S = 5.0


class Ages:
    """Samples both. url: where people reach the installation."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    def look(self) -> Look:
        now = utc_now()
        with unit_of_work() as session:
            backup = last_trusted(session)
        ends = problem = None
        if self._url.scheme == "https":
            try:
                ends = certificate_end(self._url.hostname or "", self._url.port or 443)
            except OSError as error:
                problem = str(error)
        numbers = {}
        if backup:
            numbers["backup_age_s"] = (now - backup).total_seconds()
        if ends:
            numbers["certificate_left_s"] = (ends - now).total_seconds()
        document = {
            "backup_at": backup.isoformat() if backup else None,
            "certificate_host": self._url.hostname if self._url.scheme == "https" else None,
            "certificate_ends_at": ends.isoformat() if ends else None,
            "certificate_problem": problem,
        }
        return Look(document, numbers)


def certificate_end(host: str, port: int) -> datetime:
    """When the certificate of that server ends.

    Raises
    ------
    OSError
        It does not answer, or its certificate is not valid (`ssl.SSLError` is an OSError).
    """
    with (
        socket.create_connection((host, port), timeout=_TIMEOUT_S) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname=host) as shown,
    ):
        certificate = shown.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
