"""Samples of the machine and of every process"""

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    raise RuntimeError("What it recorded would be lost: restore a backup instead.")
