"""Roll-ups, retention and the marks of what is to be rolled up"""

from collections.abc import Iterator
from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

FIELDS = ('temperature_c', 'vibration_g', 'power_percent', 'audio_level')


def rollup_columns() -> Iterator[sa.Column[Any]]:
    yield sa.Column('device_id', sa.Integer(), nullable=False)
    yield sa.Column('at', sa.DateTime(timezone=True), nullable=False)
    for name in ('readings', 'flawed', 'late', 'minutes', 'axes_n'):
        yield sa.Column(name, sa.Integer(), nullable=False)
    for axis in 'xyz':
        yield sa.Column(f'axes_{axis}', sa.Float(53), nullable=False)
    for field in FIELDS:
        yield sa.Column(f'{field}_n', sa.Integer(), nullable=False)
        yield sa.Column(f'{field}_min', sa.REAL(), nullable=True)
        yield sa.Column(f'{field}_max', sa.REAL(), nullable=True)
        yield sa.Column(f'{field}_sum', sa.Float(53), nullable=True)
        yield sa.Column(f'{field}_squares', sa.Float(53), nullable=True)
        yield sa.Column(f'{field}_sketch', sa.LargeBinary(), nullable=True)


def upgrade() -> None:
    levels: tuple[tuple[str, dict[str, Any]], ...] = (
        ('minute', {'postgresql_partition_by': 'RANGE (at)'}), ('hour', {}), ('day', {}),
    )
    for level, options in levels:
        name = f'readings_{level}'
        op.create_table(
            name, *rollup_columns(),
            sa.PrimaryKeyConstraint('device_id', 'at', name=op.f(f'pk_{name}')),
            **options,
        )
    op.execute("CREATE TABLE readings_minute_default PARTITION OF readings_minute DEFAULT")
    op.create_index(
        'ix_readings_day_at', 'readings_day', ['at'], unique=False,
        postgresql_include=['device_id', 'minutes', 'power_percent_n', 'power_percent_sum'],
    )
    op.create_table('rollup_marks',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('level', sa.Text(), nullable=False),
    sa.Column('noted_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('device_ids', postgresql.ARRAY(sa.Integer()), nullable=False),
    sa.Column('minutes', postgresql.ARRAY(sa.Integer()), nullable=False),
    sa.CheckConstraint("level IN ('minute', 'hour')", name=op.f('ck_rollup_marks_level')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rollup_marks'))
    )
    op.create_table('rollup_progress',
    sa.Column('level', sa.Text(), nullable=False),
    sa.Column('noted_before', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('level', name=op.f('pk_rollup_progress'))
    )
    op.create_table('rollup_backlog',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rollup_backlog'))
    )
    op.create_table('kept_since',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('moment', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('raw', 'minute')", name=op.f('ck_kept_since_kind')),
    sa.PrimaryKeyConstraint('kind', name=op.f('pk_kept_since'))
    )
    op.create_table('device_gravity',
    sa.Column('device_id', sa.Integer(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('x', sa.Float(53), nullable=False),
    sa.Column('y', sa.Float(53), nullable=False),
    sa.Column('z', sa.Float(53), nullable=False),
    sa.PrimaryKeyConstraint('device_id', 'since', name=op.f('pk_device_gravity'))
    )
    op.create_table('device_boots',
    sa.Column('device_id', sa.Integer(), nullable=False),
    sa.Column('boot', sa.BigInteger(), nullable=False),
    sa.Column('from_us', postgresql.ARRAY(sa.BigInteger()), nullable=False),
    sa.Column('offset_us', postgresql.ARRAY(sa.BigInteger()), nullable=False),
    sa.Column('drift_ppm', sa.Float(53), nullable=True),
    sa.Column('learned_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('device_id', 'boot', name=op.f('pk_device_boots'))
    )
    # What was recorded before there were roll-ups is taken in day by day, by the worker.
    op.execute(
        """
        INSERT INTO rollup_backlog (day)
        SELECT to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') FROM pg_inherits
        WHERE inhparent = 'readings'::regclass AND inhrelid::regclass::text ~ '_[0-9]{8}$'
        UNION SELECT DISTINCT (measured_at AT TIME ZONE 'UTC')::date FROM readings_default
        """
    )
    # The application may not change tables: the owner does it at its call.
    op.execute(
        """
        CREATE OR REPLACE FUNCTION public.make_readings_minute_month(month date) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public, pg_temp
        SET timezone = 'UTC'
        AS $$
        DECLARE
            name text := 'readings_minute_' || to_char(month, 'YYYYMM');
            first timestamptz := date_trunc('month', month)::timestamptz;
            next timestamptz := (date_trunc('month', month) + interval '1 month')::timestamptz;
        BEGIN
            LOCK TABLE readings_minute_default IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('CREATE TABLE %I (LIKE readings_minute INCLUDING ALL)', name);
            EXECUTE format(
                'WITH moved AS (DELETE FROM readings_minute_default WHERE at >= $1 AND at < $2 '
                'RETURNING *) INSERT INTO %I SELECT * FROM moved', name
            ) USING first, next;
            EXECUTE format(
                'ALTER TABLE readings_minute ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                name, first, next
            );
        END
        $$
        """
    )
    op.execute(
        """
        CREATE OR REPLACE FUNCTION public.drop_readings_partition(partition text) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public, pg_temp
        AS $$
        DECLARE
            parent text := substring(partition FROM '^(readings|readings_minute)_[0-9]{6,8}$');
        BEGIN
            IF parent IS NULL THEN
                RAISE EXCEPTION 'not a partition of readings: %', partition;
            END IF;
            EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, partition);
            EXECUTE format('DROP TABLE %I', partition);
        END
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION public.make_readings_minute_month(date) FROM PUBLIC")
    op.execute("REVOKE ALL ON FUNCTION public.drop_readings_partition(text) FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION public.drop_readings_partition(text)")
    op.execute("DROP FUNCTION public.make_readings_minute_month(date)")
    for name in (
        'device_boots', 'device_gravity', 'kept_since', 'rollup_backlog', 'rollup_progress', 'rollup_marks',
        'readings_day', 'readings_hour', 'readings_minute',
    ):
        op.drop_table(name)
