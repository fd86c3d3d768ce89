"""Posting alerts to an address of the operator's, signed as standardwebhooks.com has it."""

import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from signalcraft.clock import utc_now
from signalcraft.logging import get_logger

log = get_logger(__name__)

_TIMEOUT_S = 10.0
_KEPT = timedelta(days=1)
"""What could not be posted for so long is given up: the page still shows it."""


@dataclass(frozen=True)
class _Post:
    id: str
    at: datetime
    body: bytes


class Webhook:
    """Posts in order; what is not taken (any status but 2xx) waits in memory and is tried again.

    Parameters
    ----------
    secret : `whsec_` and Base64; None posts without a signature.
    """

    def __init__(self, url: str, secret: str | None) -> None:
        self._url, self._secret = url, secret
        self._waiting: deque[_Post] = deque(maxlen=1000)

    def put(self, document: Mapping[str, Any]) -> None:
        """Add a message to what waits."""
        body = json.dumps(document, ensure_ascii=False).encode()
        self._waiting.append(_Post(f"msg_{uuid4().hex}", utc_now(), body))

    def post(self) -> None:
        """Post what waits, oldest first, until one is not taken."""
        # No redirects and no proxy of the environment: only the address that the operator named is called.
        with httpx.Client(trust_env=False, timeout=_TIMEOUT_S) as client:
            while self._waiting:
                oldest = self._waiting[0]
                if not self._is_taken(client, oldest) and utc_now() - oldest.at < _KEPT:
                    return
                self._waiting.popleft()

    def _is_taken(self, client: httpx.Client, post: _Post) -> bool:
        try:
            answer = client.post(self._url, content=post.body, headers=self._headers(post))
        except httpx.HTTPError as error:
            log.warning("webhook_not_taken", reason=type(error).__name__)
            return False
        if not answer.is_success:
            log.warning("webhook_not_taken", reason=answer.status_code)
        return answer.is_success

    def _headers(self, post: _Post) -> dict[str, str]:
        seconds = str(int(utc_now().timestamp()))
        headers = {"Content-Type": "application/json", "webhook-id": post.id, "webhook-timestamp": seconds}
        if self._secret is not None:
            headers["webhook-signature"] = signature(self._secret, post.id, seconds, post.body)
        return headers


def signature(secret: str, message_id: str, seconds: str, body: bytes) -> str:
    """Version 1 of the specification: HMAC-SHA256 of id, time and body.

    Parameters
    ----------
    seconds : since 1970, as in the header `webhook-timestamp`.
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
