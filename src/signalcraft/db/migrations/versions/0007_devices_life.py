"""Devices' life: state, settings, commands, firmware, thresholds. Expands only: what was before works on it."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('devices', sa.Column('hardware_version', sa.Text(), nullable=True))
    op.add_column('devices', sa.Column('device_type', sa.Text(), server_default='freezer', nullable=False))
    op.add_column('alarms', sa.Column('reading', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True))

    op.create_table('listening',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_listening_single_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_listening'))
    )
    op.create_table('threshold_work',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('device_id', sa.Integer(), nullable=False),
    sa.Column('measured_from', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_threshold_work'))
    )
    op.create_index(op.f('ix_threshold_work_device_id'), 'threshold_work', ['device_id'], unique=False)
    op.create_table('firmware_images',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('build_number', sa.BigInteger(), nullable=True),
    sa.Column('hardware', sa.Text(), nullable=False),
    sa.Column('size_bytes', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.LargeBinary(), nullable=False),
    sa.Column('signature', sa.LargeBinary(), nullable=False),
    sa.Column('key_id', sa.Text(), nullable=False),
    sa.Column('object_key', sa.Text(), nullable=False),
    sa.Column('changelog', sa.Text(), nullable=False),
    sa.Column('stable', sa.Boolean(), nullable=False),
    sa.Column('uploaded_by', sa.BigInteger(), nullable=False),
    sa.Column('uploaded_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['uploaded_by'], ['users.id'], name=op.f('fk_firmware_images_uploaded_by_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_firmware_images')),
    sa.UniqueConstraint('object_key', name=op.f('uq_firmware_images_object_key'))
    )
    op.create_index('uq_firmware_images_version', 'firmware_images', ['hardware', 'version'], unique=True)
    op.create_table('firmware_rollouts',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('image_id', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), server_default='running', nullable=False),
    sa.Column('percent', sa.Integer(), nullable=False),
    sa.Column('shop_ids', postgresql.ARRAY(sa.BigInteger()), nullable=True),
    sa.Column('failure_share', sa.Float(precision=53), nullable=False),
    sa.Column('failure_minimum', sa.Integer(), nullable=False),
    sa.Column('created_by', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.CheckConstraint("state IN ('running', 'stopped', 'rolled_back')", name=op.f('ck_firmware_rollouts_state')),
    sa.CheckConstraint('percent BETWEEN 1 AND 100', name=op.f('ck_firmware_rollouts_percent')),
    sa.ForeignKeyConstraint(['created_by'], ['users.id'], name=op.f('fk_firmware_rollouts_created_by_users')),
    sa.ForeignKeyConstraint(['image_id'], ['firmware_images.id'], name=op.f('fk_firmware_rollouts_image_id_firmware_images')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_firmware_rollouts'))
    )
    op.create_index(op.f('ix_firmware_rollouts_image_id'), 'firmware_rollouts', ['image_id'], unique=False)
    op.create_index('ix_firmware_rollouts_running', 'firmware_rollouts', ['id'], unique=False, postgresql_where=sa.text("state = 'running'"))
    op.create_table('device_commands',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('device_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('body', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.Text(), server_default='queued', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.BigInteger(), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deliveries', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('message', sa.Text(), nullable=True),
    sa.CheckConstraint("kind IN ('config', 'calibrate', 'restart', 'firmware_update')", name=op.f('ck_device_commands_kind')),
    sa.CheckConstraint("state IN ('queued', 'delivered', 'acknowledged', 'failed', 'expired', 'cancelled')", name=op.f('ck_device_commands_state')),
    sa.ForeignKeyConstraint(['created_by'], ['users.id'], name=op.f('fk_device_commands_created_by_users')),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_device_commands_device_id_devices')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_device_commands'))
    )
    op.create_index('ix_device_commands_device', 'device_commands', ['device_id', 'id'], unique=False)
    op.create_index('ix_device_commands_open', 'device_commands', ['device_id'], unique=False, postgresql_where=sa.text("state IN ('queued', 'delivered')"))
    op.create_table('device_states',
    sa.Column('device_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('status', sa.Text(), server_default='online', nullable=False),
    sa.Column('status_since', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('rhythm_s', sa.Float(precision=53), server_default=sa.text('30'), nullable=False),
    sa.Column('last_received_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('boot_id', sa.BigInteger(), nullable=True),
    sa.Column('boot_count', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('uptime_ms', sa.BigInteger(), nullable=True),
    sa.Column('rssi_dbm', sa.Integer(), nullable=True),
    sa.Column('free_heap_bytes', sa.BigInteger(), nullable=True),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('measured_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('temperature_c', sa.REAL(), nullable=True),
    sa.Column('vibration_x', sa.REAL(), nullable=True),
    sa.Column('vibration_y', sa.REAL(), nullable=True),
    sa.Column('vibration_z', sa.REAL(), nullable=True),
    sa.Column('power_percent', sa.REAL(), nullable=True),
    sa.Column('audio_level', sa.REAL(), nullable=True),
    sa.Column('sensor_quality', sa.REAL(), nullable=True),
    sa.CheckConstraint("status IN ('online', 'late', 'offline')", name=op.f('ck_device_states_status')),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_device_states_device_id_devices')),
    sa.PrimaryKeyConstraint('device_id', name=op.f('pk_device_states')),
    postgresql_with={'fillfactor': 50}
    )
    op.create_table('node_settings',
    sa.Column('device_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('upload_interval_s', sa.Integer(), nullable=False),
    sa.Column('sample_rate_hz', sa.Integer(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_by', sa.BigInteger(), nullable=True),
    sa.Column('applied_version', sa.BigInteger(), nullable=True),
    sa.Column('applied_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['changed_by'], ['users.id'], name=op.f('fk_node_settings_changed_by_users')),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_node_settings_device_id_devices')),
    sa.PrimaryKeyConstraint('device_id', name=op.f('pk_node_settings'))
    )
    op.create_table('threshold_excursions',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('device_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('field', sa.Text(), nullable=False),
    sa.Column('severity', sa.Text(), nullable=False),
    sa.Column('limit_value', sa.Float(precision=53), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('value', sa.Float(precision=53), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_threshold_excursions_device_id_devices')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_threshold_excursions'))
    )
    op.create_index('ix_threshold_excursions_device', 'threshold_excursions', ['device_id', 'since'], unique=False)
    op.create_index('uq_threshold_excursions_open', 'threshold_excursions', ['device_id', 'name'], unique=True, postgresql_where=sa.text('ended_at IS NULL'))
    op.create_index('uq_threshold_excursions_since', 'threshold_excursions', ['device_id', 'name', 'since'], unique=True)
    op.create_table('threshold_states',
    sa.Column('device_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('checkpoint_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('checkpoint', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('head_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('head', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('looked_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_threshold_states_device_id_devices')),
    sa.PrimaryKeyConstraint('device_id', name=op.f('pk_threshold_states'))
    )
    op.create_index(op.f('ix_threshold_states_looked_at'), 'threshold_states', ['looked_at'], unique=False)
    op.create_table('thresholds',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('device_type', sa.Text(), nullable=True),
    sa.Column('device_id', sa.Integer(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('rule', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_by', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('num_nonnulls(device_type, device_id) = 1', name=op.f('ck_thresholds_scope')),
    sa.ForeignKeyConstraint(['changed_by'], ['users.id'], name=op.f('fk_thresholds_changed_by_users')),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_thresholds_device_id_devices')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_thresholds'))
    )
    op.create_index('uq_thresholds_device', 'thresholds', ['device_id', 'name'], unique=True, postgresql_where=sa.text('device_id IS NOT NULL'))
    op.create_index('uq_thresholds_type', 'thresholds', ['device_type', 'name'], unique=True, postgresql_where=sa.text('device_type IS NOT NULL'))
    op.create_table('firmware_updates',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('device_id', sa.Integer(), nullable=False),
    sa.Column('image_id', sa.BigInteger(), nullable=False),
    sa.Column('rollout_id', sa.BigInteger(), nullable=True),
    sa.Column('command_id', sa.BigInteger(), nullable=False),
    sa.Column('from_version', sa.Text(), nullable=True),
    sa.Column('state', sa.Text(), server_default='pending', nullable=False),
    sa.Column('progress', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('pending', 'downloading', 'installing', 'completed', 'failed', 'cancelled')", name=op.f('ck_firmware_updates_state')),
    sa.CheckConstraint('progress BETWEEN 0 AND 100', name=op.f('ck_firmware_updates_progress')),
    sa.ForeignKeyConstraint(['command_id'], ['device_commands.id'], name=op.f('fk_firmware_updates_command_id_device_commands')),
    sa.ForeignKeyConstraint(['device_id'], ['devices.id'], name=op.f('fk_firmware_updates_device_id_devices')),
    sa.ForeignKeyConstraint(['image_id'], ['firmware_images.id'], name=op.f('fk_firmware_updates_image_id_firmware_images')),
    sa.ForeignKeyConstraint(['rollout_id'], ['firmware_rollouts.id'], name=op.f('fk_firmware_updates_rollout_id_firmware_rollouts')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_firmware_updates'))
    )
    op.create_index('ix_firmware_updates_device', 'firmware_updates', ['device_id', 'id'], unique=False)
    op.create_index('ix_firmware_updates_rollout', 'firmware_updates', ['rollout_id', 'device_id'], unique=False)
    op.create_index('uq_firmware_updates_under_way', 'firmware_updates', ['device_id'], unique=True, postgresql_where=sa.text("state IN ('pending', 'downloading', 'installing')"))


def downgrade() -> None:
    raise RuntimeError("Settings, commands and firmware would be lost: restore a backup instead.")
