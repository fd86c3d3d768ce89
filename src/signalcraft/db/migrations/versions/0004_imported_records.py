"""Records moved from the old server that no domain has a table for yet"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

KINDS = (
    'alert', 'analysis', 'analysis_features', 'analysis_summary', 'anomaly', 'expert', 'label', 'maintenance',
    'monitoring', 'notification', 'notification_rule', 'notification_settings', 'notification_template',
    'statistics',
)


def upgrade() -> None:
    op.create_table('imported_records',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('machine_id', sa.BigInteger(), nullable=True),
    sa.Column('device_id', sa.Integer(), nullable=True),
    sa.Column('shop_id', sa.BigInteger(), nullable=True),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('body', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('flaws', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('source_table', sa.Text(), nullable=False),
    sa.Column('source_row', sa.BigInteger(), nullable=False),
    sa.CheckConstraint(f"kind IN {KINDS}", name=op.f('ck_imported_records_kind')),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_imported_records_machine_id_machines')),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_imported_records_device_id_devices')),
    sa.ForeignKeyConstraint(['shop_id'], ['shops.id'], name=op.f('fk_imported_records_shop_id_shops')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_imported_records_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_imported_records')),
    sa.UniqueConstraint('source_table', 'source_row', name=op.f('uq_imported_records_source_table_source_row'))
    )
    op.create_index('ix_imported_records_kind_at', 'imported_records', ['kind', 'at'], unique=False)
    op.create_index(op.f('ix_imported_records_machine_id'), 'imported_records', ['machine_id'], unique=False)


def downgrade() -> None:
    op.drop_table('imported_records')
