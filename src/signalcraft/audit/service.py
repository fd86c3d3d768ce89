"""Recording who did what."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from signalcraft.logging import get_logger

log = get_logger(__name__)


def record(
    session: Session,
    action: str,
    *,
    user_id: int | None,
    subject: str | None = None,
    shop_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note in this transaction what was done.

    Parameters
    ----------
    action : `thing.what_happened_to_it`, as in `device.claimed`, `session.opened`, `firmware.uploaded`.
    user_id : who did it; None for a node, the system itself or somebody who is not signed in.
    subject : what it was done to, `kind:id`, as in `user:12`, `device:ESP32_MIC_0001`.
    shop_id : whose owner may read of it; None is for administrators only.
    detail : what else is worth knowing: never a secret, nor what it was before it was hashed.
    """
    log.info("audit", action=action, user_id=user_id, subject=subject, shop_id=shop_id, detail=detail)
