"""Probes from outside, and the incidents that they found"""

from alembic import op
import sqlalchemy as sa

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('probe_hours',
    sa.Column('hour', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tried', sa.BigInteger(), nullable=False),
    sa.Column('failed', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('failed BETWEEN 0 AND tried', name=op.f('ck_probe_hours_failed')),
    sa.PrimaryKeyConstraint('hour', name=op.f('pk_probe_hours'))
    )
    op.create_table('incidents',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cause', sa.Text(), nullable=False),
    sa.CheckConstraint('ended_at >= began_at', name=op.f('ck_incidents_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incidents'))
    )
    op.create_index('uq_incidents_open', 'incidents', [sa.text('(ended_at IS NULL)')], unique=True, postgresql_where=sa.text('ended_at IS NULL'))
    op.create_index('ix_incidents_began_at', 'incidents', ['began_at'])


def downgrade() -> None:
    raise RuntimeError("What it recorded would be lost: restore a backup instead.")
