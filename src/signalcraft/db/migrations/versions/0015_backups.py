"""Backups and what was tried with them"""

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    raise RuntimeError("What it recorded would be lost: restore a backup instead.")
