"""Every module with tables. Entry points import it: a foreign key needs its target's table to be known."""

from signalcraft.db.base import Base

__all__ = ["Base"]
