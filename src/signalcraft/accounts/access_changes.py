"""Telling a person's open event streams that their rights have changed."""

from sqlalchemy.orm import Session

from signalcraft.realtime.publish import emit

ACCESS_CHANGED = "access.changed"
"""Ends a person's open streams: the rights they were opened with may be over. A client asks again at once."""


def announce_change(session: Session, user_id: int) -> None:
    """Call it wherever a right is given or taken, or a session ends."""
    emit(session, ACCESS_CHANGED, {}, shop_id=None, user_id=user_id)
