"""Samples of the machine and of every process"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = '0013'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('monitor_sections',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('document', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_monitor_sections'))
    )
    op.create_table('monitor_samples',
    sa.Column('section', sa.Text(), nullable=False),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('span_s', sa.Integer(), nullable=False),
    sa.Column('numbers', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.CheckConstraint('span_s >= 0', name=op.f('ck_monitor_samples_span_s')),
    sa.PrimaryKeyConstraint('section', 'taken_at', name=op.f('pk_monitor_samples'))
    )
    op.create_table('monitor_releases',
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('colour', sa.Text(), nullable=False),
    sa.Column('release', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('seen_at', 'colour', name=op.f('pk_monitor_releases'))
    )
    op.create_index(op.f('ix_monitor_samples_taken_at'), 'monitor_samples', ['taken_at'])


def downgrade() -> None:
    raise RuntimeError("What it recorded would be lost: restore a backup instead.")
