"""Probes, incidents and what the operator was told"""

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    raise RuntimeError("What it recorded would be lost: restore a backup instead.")
