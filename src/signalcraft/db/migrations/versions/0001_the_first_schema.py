"""The first schema"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('outbox',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('shop_id', sa.BigInteger(), nullable=True),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('payload', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox'))
    )
    op.create_index(op.f('ix_outbox_created_at'), 'outbox', ['created_at'], unique=False)
    op.create_table('outbox_counter',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('last_event_id', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_outbox_counter_single_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox_counter'))
    )
    op.create_table('readings',
    sa.Column('device_id', sa.Integer(), nullable=False),
    sa.Column('measured_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('temperature_c', sa.REAL(), nullable=True),
    sa.Column('vibration_x', sa.REAL(), nullable=True),
    sa.Column('vibration_y', sa.REAL(), nullable=True),
    sa.Column('vibration_z', sa.REAL(), nullable=True),
    sa.Column('power_percent', sa.REAL(), nullable=True),
    sa.Column('audio_level', sa.REAL(), nullable=True),
    sa.Column('sensor_quality', sa.REAL(), nullable=True),
    sa.Column('quality', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('extra', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.PrimaryKeyConstraint('device_id', 'measured_at', name=op.f('pk_readings')),
    postgresql_partition_by='RANGE (measured_at)'
    )
    op.create_table('shops',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shops'))
    )
    op.create_table('users',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('username', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('full_name', sa.Text(), nullable=False),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('role', sa.Text(), server_default='user', nullable=False),
    sa.Column('status', sa.Text(), server_default='active', nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('last_login_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("role IN ('admin', 'user')", name=op.f('ck_users_role')),
    sa.CheckConstraint("status IN ('active', 'pending', 'suspended')", name=op.f('ck_users_status')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users'))
    )
    op.create_index('uq_users_email_lower', 'users', [sa.literal_column('lower(email)')], unique=True)
    op.create_index('uq_users_username_lower', 'users', [sa.literal_column('lower(username)')], unique=True)
    op.create_table('machines',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('shop_id', sa.BigInteger(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('synthetic', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['shop_id'], ['shops.id'], name=op.f('fk_machines_shop_id_shops')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_machines'))
    )
    op.create_index(op.f('ix_machines_shop_id'), 'machines', ['shop_id'], unique=False)
    op.create_table('refresh_tokens',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('family', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_refresh_tokens_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_refresh_tokens'))
    )
    op.create_index(op.f('ix_refresh_tokens_family'), 'refresh_tokens', ['family'], unique=False)
    op.create_index(op.f('ix_refresh_tokens_user_id'), 'refresh_tokens', ['user_id'], unique=False)
    op.create_table('shop_members',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('shop_id', sa.BigInteger(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("role IN ('store_owner', 'store_manager', 'technician', 'viewer')", name=op.f('ck_shop_members_role')),
    sa.ForeignKeyConstraint(['shop_id'], ['shops.id'], name=op.f('fk_shop_members_shop_id_shops'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_shop_members_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', 'shop_id', name=op.f('pk_shop_members'))
    )
    op.create_index(op.f('ix_shop_members_shop_id'), 'shop_members', ['shop_id'], unique=False)
    op.create_table('baselines',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('machine_id', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('features', sa.Text(), nullable=False),
    sa.Column('detector', sa.Text(), nullable=False),
    sa.Column('arrays', sa.LargeBinary(), nullable=False),
    sa.Column('clips', sa.BigInteger(), nullable=False),
    sa.Column('made_from', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_baselines_machine_id_machines')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_baselines'))
    )
    op.create_index('uq_baselines_machine_version', 'baselines', ['machine_id', 'version'], unique=True)
    op.create_table('devices',
    sa.Column('id', sa.Integer(), sa.Identity(always=False), nullable=False),
    sa.Column('device_id', sa.Text(), nullable=False),
    sa.Column('machine_id', sa.BigInteger(), nullable=False),
    sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('firmware_version', sa.Text(), nullable=True),
    sa.Column('sample_rate_hz', sa.BigInteger(), server_default=sa.text('16000'), nullable=False),
    sa.Column('vibration_unit', sa.Text(), server_default='g', nullable=False),
    sa.Column('address', postgresql.INET(), nullable=True),
    sa.Column('first_seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("vibration_unit IN ('g', 'm/s2')", name=op.f('ck_devices_vibration_unit')),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_devices_machine_id_machines')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_devices')),
    sa.UniqueConstraint('device_id', name=op.f('uq_devices_device_id'))
    )
    op.create_index(op.f('ix_devices_machine_id'), 'devices', ['machine_id'], unique=False)
    op.create_table('clip_fragments',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('device_id', sa.Integer(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sample_rate_hz', sa.BigInteger(), nullable=False),
    sa.Column('pcm', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_clip_fragments_device_id_devices')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clip_fragments'))
    )
    op.create_index(op.f('ix_clip_fragments_device_id'), 'clip_fragments', ['device_id'], unique=False)
    op.create_table('clips',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('device_id', sa.Integer(), nullable=True),
    sa.Column('machine_id', sa.BigInteger(), nullable=True),
    sa.Column('uploaded_by', sa.BigInteger(), nullable=True),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('measured_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('object_key', sa.Text(), nullable=False),
    sa.Column('media_type', sa.Text(), nullable=False),
    sa.Column('size_bytes', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.LargeBinary(), nullable=False),
    sa.Column('sample_rate_hz', sa.BigInteger(), nullable=True),
    sa.Column('duration_s', sa.Float(precision=53), nullable=True),
    sa.Column('segment_samples', sa.BigInteger(), nullable=True),
    sa.Column('synthetic', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('request_id', sa.Text(), nullable=True),
    sa.CheckConstraint("source IN ('node', 'upload')", name=op.f('ck_clips_source')),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_clips_device_id_devices')),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_clips_machine_id_machines')),
    sa.ForeignKeyConstraint(['uploaded_by'], ['users.id'], name=op.f('fk_clips_uploaded_by_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clips')),
    sa.UniqueConstraint('object_key', name=op.f('uq_clips_object_key'))
    )
    op.create_index(op.f('ix_clips_uploaded_by'), 'clips', ['uploaded_by'], unique=False)
    op.create_index('uq_clips_device_digest', 'clips', ['device_id', 'measured_at', 'sha256'], unique=True)
    op.create_table('analyses',
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('clip_id', sa.Uuid(), nullable=False),
    sa.Column('machine_id', sa.BigInteger(), nullable=True),
    sa.Column('requested_by', sa.BigInteger(), nullable=True),
    sa.Column('heard_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.Text(), server_default='queued', nullable=False),
    sa.Column('claimable_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('verdict', sa.Text(), nullable=True),
    sa.Column('reasons', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('feature_version', sa.Text(), nullable=True),
    sa.Column('features', postgresql.ARRAY(sa.REAL()), nullable=True),
    sa.Column('baseline_id', sa.BigInteger(), nullable=True),
    sa.Column('detector', sa.Text(), nullable=True),
    sa.Column('score', sa.Float(precision=53), nullable=True),
    sa.Column('score_limit', sa.Float(precision=53), nullable=True),
    sa.Column('tail_probability', sa.Float(precision=53), nullable=True),
    sa.Column('grave', sa.Boolean(), nullable=True),
    sa.Column('condition', sa.Text(), nullable=True),
    sa.Column('learnable', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('quality', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('explanation', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('summary', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('request_id', sa.Text(), nullable=True),
    sa.CheckConstraint("state IN ('queued', 'decoding', 'features', 'scoring', 'done', 'failed')", name=op.f('ck_analyses_state')),
    sa.CheckConstraint("verdict IN ('normal', 'anomalous', 'learning', 'not_assessable')", name=op.f('ck_analyses_verdict')),
    sa.ForeignKeyConstraint(['baseline_id'], ['baselines.id'], name=op.f('fk_analyses_baseline_id_baselines')),
    sa.ForeignKeyConstraint(['clip_id'], ['clips.id'], name=op.f('fk_analyses_clip_id_clips')),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_analyses_machine_id_machines')),
    sa.ForeignKeyConstraint(['requested_by'], ['users.id'], name=op.f('fk_analyses_requested_by_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_analyses'))
    )
    op.create_index('ix_analyses_clip', 'analyses', ['clip_id'], unique=False)
    op.create_index('ix_analyses_machine_heard', 'analyses', ['machine_id', 'heard_at'], unique=False)
    op.create_index('ix_analyses_pending', 'analyses', ['claimable_at'], unique=False, postgresql_where=sa.text("state NOT IN ('done', 'failed')"))
    op.create_table('alarms',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('machine_id', sa.BigInteger(), nullable=False),
    sa.Column('condition', sa.Text(), nullable=False),
    sa.Column('severity', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), server_default='active_unacknowledged', nullable=False),
    sa.Column('raised_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_by', sa.BigInteger(), nullable=True),
    sa.Column('cleared_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('count', sa.BigInteger(), server_default=sa.text('1'), nullable=False),
    sa.Column('analysis_id', sa.Uuid(), nullable=True),
    sa.Column('summary', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('advice', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.CheckConstraint("severity IN ('low', 'medium', 'high', 'critical')", name=op.f('ck_alarms_severity')),
    sa.CheckConstraint("state IN ('active_unacknowledged', 'active_acknowledged', 'cleared')", name=op.f('ck_alarms_state')),
    sa.ForeignKeyConstraint(['acknowledged_by'], ['users.id'], name=op.f('fk_alarms_acknowledged_by_users')),
    sa.ForeignKeyConstraint(['analysis_id'], ['analyses.id'], name=op.f('fk_alarms_analysis_id_analyses')),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_alarms_machine_id_machines')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alarms'))
    )
    op.create_index('ix_alarms_machine_raised', 'alarms', ['machine_id', 'raised_at'], unique=False)
    op.create_index('uq_alarms_open', 'alarms', ['machine_id', 'condition'], unique=True, postgresql_where=sa.text("state <> 'cleared'"))
    op.create_table('alarm_transitions',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('alarm_id', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('severity', sa.Text(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('comment', sa.Text(), nullable=True),
    sa.Column('request_id', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['alarm_id'], ['alarms.id'], name=op.f('fk_alarm_transitions_alarm_id_alarms')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_alarm_transitions_user_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alarm_transitions'))
    )
    op.create_index(op.f('ix_alarm_transitions_alarm_id'), 'alarm_transitions', ['alarm_id'], unique=False)
    op.create_table('notifications',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('shop_id', sa.BigInteger(), nullable=True),
    sa.Column('machine_id', sa.BigInteger(), nullable=True),
    sa.Column('alarm_id', sa.BigInteger(), nullable=True),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('priority', sa.Text(), nullable=False),
    sa.Column('text', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['alarm_id'], ['alarms.id'], name=op.f('fk_notifications_alarm_id_alarms')),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_notifications_machine_id_machines')),
    sa.ForeignKeyConstraint(['shop_id'], ['shops.id'], name=op.f('fk_notifications_shop_id_shops')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notifications'))
    )
    op.create_index(op.f('ix_notifications_alarm_id'), 'notifications', ['alarm_id'], unique=False)
    op.create_index(op.f('ix_notifications_created_at'), 'notifications', ['created_at'], unique=False)
    op.create_index('ix_notifications_shop_created', 'notifications', ['shop_id', 'created_at'], unique=False)
    op.execute("INSERT INTO outbox_counter (id, last_event_id) VALUES (1, 0)")
    # Days outside the maintained window (telemetry.partitions) land in the default partition.
    op.execute("CREATE TABLE readings_default PARTITION OF readings DEFAULT")
    op.execute(
        """
        DO $$
        DECLARE
            day date;
        BEGIN
            FOR i IN -35..7 LOOP
                day := (now() AT TIME ZONE 'UTC')::date + i;
                EXECUTE format(
                    'CREATE TABLE %I PARTITION OF readings FOR VALUES FROM (%L) TO (%L)',
                    'readings_' || to_char(day, 'YYYYMMDD'),
                    day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
                );
            END LOOP;
        END
        $$
        """
    )


def downgrade() -> None:
    raise RuntimeError("The first schema has nothing to go back to: restore a backup instead.")
