"""Days of readings are made by the owner of the tables, at the application's call"""

from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE OR REPLACE FUNCTION public.make_readings_day(day date) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public, pg_temp
        SET timezone = 'UTC'
        AS $$
        DECLARE
            name text := 'readings_' || to_char(day, 'YYYYMMDD');
            first timestamptz := day::timestamptz;
            next timestamptz := (day + 1)::timestamptz;
        BEGIN
            LOCK TABLE readings_default IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('CREATE TABLE %I (LIKE readings INCLUDING ALL)', name);
            EXECUTE format(
                'WITH moved AS (DELETE FROM readings_default WHERE measured_at >= $1 AND measured_at < $2 '
                'RETURNING *) INSERT INTO %I SELECT * FROM moved', name
            ) USING first, next;
            EXECUTE format(
                'ALTER TABLE readings ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first, next
            );
        END
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION public.make_readings_day(date) FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION public.make_readings_day(date)")
