"""Reading and changing the settings."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from signalcraft.audit.service import record
from signalcraft.clock import utc_now
from signalcraft.runtime_settings.models import RuntimeSetting
from signalcraft.runtime_settings.registry import RuntimeSettings


def load(session: Session) -> RuntimeSettings:
    """The settings in force. One that this release does not know was set by a later one and is left alone."""
    rows = session.execute(select(RuntimeSetting.name, RuntimeSetting.value))
    known = {name: value for name, value in rows if name in RuntimeSettings.model_fields}
    return RuntimeSettings.model_validate(known)


def change(session: Session, wanted: RuntimeSettings, *, user_id: int) -> RuntimeSettings:
    """Set those of the settings that `wanted` names explicitly; the others stay. Each change is recorded."""
    before = load(session)
    for name in sorted(wanted.model_fields_set):
        value = getattr(wanted, name)
        if value == getattr(before, name):
            continue
        session.merge(RuntimeSetting(name=name, value=value, changed_at=utc_now(), changed_by=user_id))
        detail = {"from": getattr(before, name), "to": value}
        record(session, "setting.changed", user_id=user_id, subject=f"setting:{name}", detail=detail)
    session.flush()
    return load(session)
