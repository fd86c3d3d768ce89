"""API tokens, device keys, claim codes"""

from alembic import op
import sqlalchemy as sa

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def _time(name: str, nullable: bool = True) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    # Nothing changes for a device that is there: it goes on without a key until somebody decides otherwise.
    op.add_column('devices', sa.Column('admission', sa.Text(), server_default='undecided', nullable=False))
    op.add_column('devices', sa.Column('networks', sa.ARRAY(sa.Text()), nullable=True))
    op.create_check_constraint(op.f('ck_devices_admission'), 'devices', "admission IN ('undecided', 'keyless', 'key', 'blocked')", postgresql_not_valid=True)

    op.create_table('device_keys',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('device_id', sa.Integer(), nullable=False),
    sa.Column('key_hash', sa.LargeBinary(), nullable=False),
    sa.Column('beginning', sa.Text(), nullable=False),
    sa.Column('created_by', sa.BigInteger(), nullable=True),
    _time('created_at', nullable=False),
    _time('first_used_at'),
    _time('last_used_at'),
    _time('ends_at'),
    _time('revoked_at'),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_device_keys_device_id_devices'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['created_by'], ['users.id'], name=op.f('fk_device_keys_created_by_users'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_device_keys')),
    sa.UniqueConstraint('key_hash', name=op.f('uq_device_keys_key_hash'))
    )
    op.create_index(op.f('ix_device_keys_device_id'), 'device_keys', ['device_id'], unique=False)

    op.create_table('claim_codes',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('code_hash', sa.LargeBinary(), nullable=False),
    sa.Column('shop_id', sa.BigInteger(), nullable=False),
    sa.Column('machine_name', sa.Text(), nullable=False),
    sa.Column('created_by', sa.BigInteger(), nullable=True),
    _time('created_at', nullable=False),
    _time('expires_at', nullable=False),
    _time('used_at'),
    sa.Column('device_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['shop_id'], ['shops.id'], name=op.f('fk_claim_codes_shop_id_shops'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['created_by'], ['users.id'], name=op.f('fk_claim_codes_created_by_users'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_claim_codes_device_id_devices'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_claim_codes')),
    sa.UniqueConstraint('code_hash', name=op.f('uq_claim_codes_code_hash'))
    )
    op.create_index(op.f('ix_claim_codes_shop_id'), 'claim_codes', ['shop_id'], unique=False)

    op.create_table('api_tokens',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('beginning', sa.Text(), nullable=False),
    sa.Column('permissions', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('shop_ids', sa.ARRAY(sa.BigInteger()), nullable=True),
    _time('created_at', nullable=False),
    _time('expires_at'),
    _time('last_used_at'),
    _time('revoked_at'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_api_tokens_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_tokens')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_api_tokens_token_hash'))
    )
    op.create_index(op.f('ix_api_tokens_user_id'), 'api_tokens', ['user_id'], unique=False)

    with op.get_context().autocommit_block():
        op.execute('ALTER TABLE devices VALIDATE CONSTRAINT ck_devices_admission')


def downgrade() -> None:
    raise RuntimeError("Keys and tokens would be lost: restore a backup instead.")
