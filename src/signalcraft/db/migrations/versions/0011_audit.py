"""The audit log, rights and settings"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'audit_records',
        sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('action', sa.Text(), nullable=False),
        sa.Column('user_id', sa.BigInteger(), nullable=True),
        sa.Column('token_id', sa.BigInteger(), nullable=True),
        sa.Column('subject', sa.Text(), nullable=True),
        sa.Column('shop_id', sa.BigInteger(), nullable=True),
        sa.Column('request_id', sa.Text(), nullable=True),
        sa.Column('particulars', sa.Text(), nullable=True),
        sa.Column('salt', sa.LargeBinary(), nullable=True),
        sa.Column('seal', sa.LargeBinary(), nullable=False),
        sa.Column('hash', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_audit_records'),
    )
    op.create_index('ix_audit_records_shop_id_id', 'audit_records', ['shop_id', 'id'])
    op.create_index('ix_audit_records_user_id_id', 'audit_records', ['user_id', 'id'])
    op.create_index('ix_audit_records_subject', 'audit_records', ['subject'])
    op.create_table(
        'audit_head',
        sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('last_id', sa.BigInteger(), nullable=False),
        sa.Column('last_hash', sa.LargeBinary(), nullable=False),
        sa.CheckConstraint('id = 1', name=op.f('ck_audit_head_single_row')),
        sa.PrimaryKeyConstraint('id', name='pk_audit_head'),
    )
    _chain()
    _append_only()
    op.create_table(
        'runtime_settings',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('value', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('changed_by', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['changed_by'], ['users.id'], name='fk_runtime_settings_changed_by_users', ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('name', name='pk_runtime_settings'),
    )
    _rights()


def _chain() -> None:
    # The lock of the head is held to the end of the transaction: numbers follow the order of commits.
    op.execute(
        """
        CREATE OR REPLACE FUNCTION public.chain_audit_record() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public, pg_temp
        AS $$
        DECLARE
            before bytea;
        BEGIN
            INSERT INTO audit_head AS head (id, last_id, last_hash) VALUES (1, 1, decode(repeat('00', 32), 'hex'))
                ON CONFLICT (id) DO UPDATE SET last_id = head.last_id + 1
                RETURNING head.last_id, head.last_hash INTO NEW.id, before;
            NEW.seal := sha256(NEW.salt || convert_to(NEW.particulars, 'UTF8'));
            NEW.hash := sha256(before || convert_to(jsonb_build_array(
                NEW.id, to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), NEW.action,
                NEW.user_id, NEW.token_id, NEW.subject, NEW.shop_id, NEW.request_id, encode(NEW.seal, 'hex')
            )::text, 'UTF8'));
            UPDATE audit_head SET last_hash = NEW.hash;
            RETURN NEW;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER chain_audit_record BEFORE INSERT ON audit_records"
        " FOR EACH ROW EXECUTE FUNCTION public.chain_audit_record()"
    )


def _append_only() -> None:
    # Nothing but the particulars of a record can go, and only together with their salt.
    op.execute(
        """
        CREATE OR REPLACE FUNCTION public.keep_audit_record() RETURNS trigger
        LANGUAGE plpgsql
        SET search_path = public, pg_temp
        AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND NEW.particulars IS NULL AND NEW.salt IS NULL
                AND (to_jsonb(NEW) - 'particulars' - 'salt') = (to_jsonb(OLD) - 'particulars' - 'salt') THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'the audit log is append-only';
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER keep_audit_record BEFORE UPDATE OR DELETE ON audit_records"
        " FOR EACH ROW EXECUTE FUNCTION public.keep_audit_record()"
    )
    op.execute(
        """
        CREATE OR REPLACE FUNCTION public.forget_in_audit(person bigint, logins text[]) RETURNS void
        LANGUAGE sql SECURITY DEFINER
        SET search_path = public, pg_temp
        AS $$
            UPDATE audit_records SET particulars = NULL, salt = NULL
            WHERE particulars IS NOT NULL AND (
                user_id = person OR subject = 'user:' || person
                OR lower(particulars::jsonb -> 'detail' ->> 'login') = ANY (logins)
                OR lower(particulars::jsonb -> 'detail' ->> 'email') = ANY (logins)
            )
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION public.chain_audit_record() FROM PUBLIC")
    op.execute("REVOKE ALL ON FUNCTION public.keep_audit_record() FROM PUBLIC")
    op.execute("REVOKE ALL ON FUNCTION public.forget_in_audit(bigint, text[]) FROM PUBLIC")


def _rights() -> None:
    op.add_column('users', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('shops', sa.Column('status', sa.Text(), server_default='active', nullable=False))
    op.create_check_constraint(op.f('ck_shops_status'), 'shops', "status IN ('pending', 'active', 'maintenance', 'inactive', 'suspended')", postgresql_not_valid=True)
    op.add_column('shop_members', sa.Column('granted_by', sa.BigInteger(), nullable=True))
    op.add_column('shop_members', sa.Column('granted_at', sa.DateTime(timezone=True), nullable=True))
    # The next one allows all that this one did.
    op.execute("-- squawk-ignore ban-drop-constraint\nALTER TABLE users DROP CONSTRAINT ck_users_role")
    op.create_check_constraint(op.f('ck_users_role'), 'users', "role IN ('super_admin', 'admin', 'user')", postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute('ALTER TABLE shops VALIDATE CONSTRAINT ck_shops_status')
        op.execute('ALTER TABLE users VALIDATE CONSTRAINT ck_users_role')


def downgrade() -> None:
    raise RuntimeError("The audit log would be lost: restore a backup instead.")
