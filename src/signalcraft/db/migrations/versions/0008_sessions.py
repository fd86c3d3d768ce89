"""Sessions, second factors, identities at other providers"""

from datetime import datetime

from alembic import op
import sqlalchemy as sa

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False, default: bool = False) -> sa.Column[datetime]:
    server_default = sa.func.now() if default else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=server_default)


def _user(table: str) -> sa.Column[int]:
    reference = sa.ForeignKey('users.id', name=f'fk_{table}_user_id_users', ondelete='CASCADE')
    return sa.Column('user_id', sa.BigInteger(), reference, nullable=False)


def upgrade() -> None:
    op.create_table(
        'sessions',
        sa.Column('id', sa.Uuid(), nullable=False),
        _user('sessions'),
        _time('created_at'),
        _time('last_used_at'),
        sa.Column('address', sa.Text(), nullable=False, server_default=''),
        sa.Column('user_agent', sa.Text(), nullable=False, server_default=''),
        _time('second_factor_at', nullable=True),
        _time('ended_at', nullable=True),
        sa.Column('end_reason', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('id', name='pk_sessions'),
    )
    op.create_index('ix_sessions_user_id', 'sessions', ['user_id'])
    op.create_table(
        'second_factors',
        _user('second_factors'),
        sa.Column('secret', sa.LargeBinary(), nullable=False),
        _time('created_at', default=True),
        _time('confirmed_at', nullable=True),
        sa.Column('last_step', sa.BigInteger(), nullable=True),
        sa.Column('failures', sa.BigInteger(), nullable=False, server_default='0'),
        _time('failing_since', nullable=True),
        sa.PrimaryKeyConstraint('user_id', name='pk_second_factors'),
    )
    op.create_table(
        'recovery_codes',
        _user('recovery_codes'),
        sa.Column('code_hash', sa.LargeBinary(), nullable=False),
        _time('used_at', nullable=True),
        sa.PrimaryKeyConstraint('user_id', 'code_hash', name='pk_recovery_codes'),
    )
    op.create_table(
        'external_identities',
        sa.Column('issuer', sa.Text(), nullable=False),
        sa.Column('subject', sa.Text(), nullable=False),
        _user('external_identities'),
        _time('linked_at', default=True),
        _time('last_used_at', nullable=True),
        sa.PrimaryKeyConstraint('issuer', 'subject', name='pk_external_identities'),
        sa.UniqueConstraint('user_id', 'issuer', name='uq_external_identities_user_id_issuer'),
    )
    # Who is signed in stays signed in. A session that release 0.1.0 opens after this gets its row at its next
    # refresh.
    op.execute(
        "INSERT INTO sessions (id, user_id, created_at, last_used_at)"
        " SELECT family, user_id, min(created_at), max(created_at) FROM refresh_tokens"
        " WHERE revoked_at IS NULL AND expires_at > now() GROUP BY family, user_id"
    )


def downgrade() -> None:
    for table in ('external_identities', 'recovery_codes', 'second_factors', 'sessions'):
        op.drop_table(table)
