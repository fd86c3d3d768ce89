"""All SQL of personal data."""

from typing import Any

from sqlalchemy import ColumnElement, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session

from signalcraft.accounts.models import User
from signalcraft.acoustics.learning.models import Baseline, Head
from signalcraft.personal_data.holdings import ADDRESSES, Holding


def rows(session: Session, holding: Holding, user: User) -> list[dict[str, Any]]:
    """What a holding has of a person."""
    found = session.execute(select(*holding.columns).where(_is_theirs(holding, user)))
    return [dict(row) for row in found.mappings()]


def remove(session: Session, holding: Holding, user: User) -> None:
    session.execute(
        delete(holding.model).where(_is_theirs(holding, user)).execution_options(synchronize_session=False)
    )


def rename_in_decisions(session: Session, username: str, replacement: str) -> None:
    """Models say by name who promoted or dropped them."""
    for model in (Baseline, Head):
        session.execute(
            update(model)
            .where(model.decision["person"].astext == username)
            .values(decision=func.jsonb_set(model.decision, ["person"], func.to_jsonb(literal(replacement))))
            .execution_options(synchronize_session=False)
        )


def _is_theirs(holding: Holding, user: User) -> ColumnElement[bool]:
    conditions = []
    for name in holding.by:
        column = holding.table.c[name]
        if name not in ADDRESSES:
            conditions.append(column == user.id)
        elif user.email is not None:
            conditions.append(func.lower(column) == user.email.lower())
    return or_(literal(False), *conditions)
