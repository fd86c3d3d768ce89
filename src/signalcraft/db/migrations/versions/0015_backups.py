"""Backups and what was tried with them"""

from alembic import op
import sqlalchemy as sa

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('backup_runs',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('backup', sa.Text(), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('size_bytes', sa.BigInteger(), nullable=True),
    sa.Column('trusted', sa.Boolean(), nullable=False),
    sa.Column('problem', sa.Text(), nullable=True),
    sa.CheckConstraint("kind IN ('backup', 'restore')", name=op.f('ck_backup_runs_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_backup_runs'))
    )


def downgrade() -> None:
    raise RuntimeError("What it recorded would be lost: restore a backup instead.")
