"""The system's own visitors, what came of their journeys, and what the operator was told"""

from alembic import op
import sqlalchemy as sa

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('users', 'shops', 'machines'):
        op.add_column(table, sa.Column('probe', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('incidents', sa.Column('journeys', sa.ARRAY(sa.Text()), nullable=True))
    op.create_table('journey_hours',
    sa.Column('journey', sa.Text(), nullable=False),
    sa.Column('hour', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tried', sa.BigInteger(), nullable=False),
    sa.Column('failed', sa.BigInteger(), nullable=False),
    sa.Column('seconds', sa.Float(53), nullable=False),
    sa.CheckConstraint('failed BETWEEN 0 AND tried', name=op.f('ck_journey_hours_failed')),
    sa.PrimaryKeyConstraint('journey', 'hour', name=op.f('pk_journey_hours'))
    )
    op.create_table('operator_alerts',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.Column('began_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('ended_at >= began_at', name=op.f('ck_operator_alerts_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operator_alerts'))
    )
    op.create_index('uq_operator_alerts_open', 'operator_alerts', ['name', 'subject'], unique=True, postgresql_where=sa.text('ended_at IS NULL'))
    op.create_index('ix_operator_alerts_began_at', 'operator_alerts', ['began_at'])
    # Each deletion of a clip asks whether an analysis names it as its nearest.
    with op.get_context().autocommit_block():
        op.create_index('ix_analyses_nearest_clip', 'analyses', ['nearest_clip_id'], postgresql_where=sa.text('nearest_clip_id IS NOT NULL'), postgresql_concurrently=True, if_not_exists=True)


def downgrade() -> None:
    raise RuntimeError("What it recorded would be lost: restore a backup instead.")
