"""Registration, confirmation, invitations, outgoing mail"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def _json(name: str) -> "sa.Column[object]":
    return sa.Column(name, postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)


def _time(name: str, nullable: bool = True) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.add_column('users', sa.Column('language', sa.Text(), server_default='ko', nullable=False))
    op.add_column('users', _time('email_confirmed_at'))
    op.add_column('users', _json('details'))
    op.create_check_constraint(op.f('ck_users_language'), 'users', "language IN ('ko', 'en')", postgresql_not_valid=True)

    op.create_table('consents',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('given', sa.Boolean(), nullable=False),
    _time('at', nullable=False),
    sa.CheckConstraint("kind IN ('terms', 'privacy', 'marketing')", name=op.f('ck_consents_kind')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_consents_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consents'))
    )
    op.create_index(op.f('ix_consents_user_id'), 'consents', ['user_id'], unique=False)

    op.create_table('account_requests',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    _json('body'),
    _time('created_at', nullable=False),
    sa.CheckConstraint("kind IN ('register', 'reset_password', 'change_email')", name=op.f('ck_account_requests_kind')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_account_requests_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account_requests'))
    )

    op.create_table('one_time_tokens',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    _json('body'),
    _time('created_at', nullable=False),
    _time('expires_at', nullable=False),
    _time('used_at'),
    sa.CheckConstraint("purpose IN ('register', 'reset_password', 'change_email')", name=op.f('ck_one_time_tokens_purpose')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_one_time_tokens_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_one_time_tokens'))
    )
    op.create_index(op.f('ix_one_time_tokens_user_id'), 'one_time_tokens', ['user_id'], unique=False)
    op.create_index(op.f('ix_one_time_tokens_expires_at'), 'one_time_tokens', ['expires_at'], unique=False)

    op.create_table('invitations',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('shop_id', sa.BigInteger(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    _time('member_until'),
    sa.Column('invited_by', sa.BigInteger(), nullable=True),
    _time('created_at', nullable=False),
    _time('expires_at', nullable=False),
    _time('accepted_at'),
    sa.Column('accepted_by', sa.BigInteger(), nullable=True),
    _time('revoked_at'),
    sa.CheckConstraint("role IN ('store_owner', 'store_manager', 'technician', 'viewer')", name=op.f('ck_invitations_role')),
    sa.ForeignKeyConstraint(['shop_id'], ['shops.id'], name=op.f('fk_invitations_shop_id_shops'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['invited_by'], ['users.id'], name=op.f('fk_invitations_invited_by_users'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['accepted_by'], ['users.id'], name=op.f('fk_invitations_accepted_by_users'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitations')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_invitations_token_hash'))
    )
    op.create_index(op.f('ix_invitations_shop_id'), 'invitations', ['shop_id'], unique=False)

    op.create_table('outgoing_mails',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('recipient', sa.Text(), nullable=False),
    sa.Column('template', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    _json('substitutions'),
    _time('created_at', nullable=False),
    sa.Column('state', sa.Text(), server_default='waiting', nullable=False),
    sa.Column('attempts', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    _time('claimable_at', nullable=False),
    _time('finished_at'),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name=op.f('ck_outgoing_mails_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outgoing_mails'))
    )
    op.create_index('ix_outgoing_mails_waiting', 'outgoing_mails', ['claimable_at'], unique=False, postgresql_where=sa.text("state = 'waiting'"))

    with op.get_context().autocommit_block():
        op.execute('ALTER TABLE users VALIDATE CONSTRAINT ck_users_language')


def downgrade() -> None:
    raise RuntimeError("Consents and invitations would be lost: restore a backup instead.")
