"""Run states, diagnoses, labels, trained models and former results. Expands only: release 0001 works on it."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

STANDINGS = "status IN ('shadow', 'active', 'retired', 'dropped')"


def _json(name: str, nullable: bool = True) -> "sa.Column[object]":
    return sa.Column(name, postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=nullable)


def _now(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False)


def upgrade() -> None:
    op.add_column('machines', sa.Column('model', sa.Text(), nullable=True))

    op.add_column('baselines', sa.Column('run_state', sa.Text(), server_default='running', nullable=False))
    op.add_column('baselines', sa.Column('kind', sa.Text(), server_default='own', nullable=False))
    op.add_column('baselines', sa.Column('status', sa.Text(), server_default='active', nullable=False))
    op.add_column('baselines', _json('figures'))
    op.add_column('baselines', _json('decision'))
    op.create_check_constraint(op.f('ck_baselines_kind'), 'baselines', "kind IN ('own', 'model')", postgresql_not_valid=True)
    op.create_check_constraint(op.f('ck_baselines_status'), 'baselines', STANDINGS, postgresql_not_valid=True)

    op.create_table('state_models',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('machine_id', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('features', sa.Text(), nullable=False),
    sa.Column('method', sa.Text(), nullable=False),
    sa.Column('arrays', sa.LargeBinary(), nullable=False),
    sa.Column('clips', sa.BigInteger(), nullable=False),
    _now('created_at'),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_state_models_machine_id_machines')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_state_models'))
    )
    op.create_index('uq_state_models_machine_version', 'state_models', ['machine_id', 'version'], unique=True)

    op.create_table('heads',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.Text(), server_default='shadow', nullable=False),
    sa.Column('method', sa.Text(), nullable=False),
    sa.Column('features', sa.Text(), nullable=False),
    sa.Column('arrays', sa.LargeBinary(), nullable=False),
    _json('figures', nullable=False),
    _json('made_from', nullable=False),
    _json('decision'),
    _now('created_at'),
    sa.CheckConstraint(STANDINGS, name=op.f('ck_heads_status')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_heads'))
    )
    op.create_index('uq_heads_version', 'heads', ['version'], unique=True)
    op.create_index('uq_heads_active', 'heads', ['status'], unique=True, postgresql_where=sa.text("status = 'active'"))

    op.create_table('training_runs',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('machine_id', sa.BigInteger(), nullable=True),
    sa.Column('requested_by', sa.BigInteger(), nullable=True),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('claimable_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.Text(), server_default='queued', nullable=False),
    sa.Column('progress', sa.Float(precision=53), server_default=sa.text('0'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    _json('outcome'),
    sa.CheckConstraint("kind IN ('baseline', 'head')", name=op.f('ck_training_runs_kind')),
    sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name=op.f('ck_training_runs_state')),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_training_runs_machine_id_machines')),
    sa.ForeignKeyConstraint(['requested_by'], ['users.id'], name=op.f('fk_training_runs_requested_by_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_training_runs'))
    )
    op.create_index('ix_training_runs_pending', 'training_runs', ['claimable_at'], unique=False, postgresql_where=sa.text("state IN ('queued', 'running')"))

    for column in (
        _json('surroundings'),
        sa.Column('run_state', sa.Text(), nullable=True),
        sa.Column('state_version', sa.Text(), nullable=True),
        sa.Column('state_probability', sa.Float(precision=53), nullable=True),
        _json('state_evidence'),
        sa.Column('tail_low', sa.Float(precision=53), nullable=True),
        sa.Column('tail_high', sa.Float(precision=53), nullable=True),
        _json('diagnosis'),
        sa.Column('head_id', sa.BigInteger(), nullable=True),
        sa.Column('nearest_clip_id', sa.Uuid(), nullable=True),
        _json('decision'),
        sa.Column('decision_version', sa.Text(), nullable=True),
        sa.Column('revision', sa.BigInteger(), server_default=sa.text('1'), nullable=False),
    ):
        op.add_column('analyses', column)
    op.create_foreign_key(op.f('fk_analyses_head_id_heads'), 'analyses', 'heads', ['head_id'], ['id'], postgresql_not_valid=True)
    op.create_foreign_key(op.f('fk_analyses_nearest_clip_id_clips'), 'analyses', 'clips', ['nearest_clip_id'], ['id'], postgresql_not_valid=True)

    op.create_table('former_results',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('analysis_id', sa.Uuid(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    _now('replaced_at'),
    sa.Column('reason', sa.Text(), nullable=False),
    _json('result', nullable=False),
    sa.ForeignKeyConstraint(['analysis_id'], ['analyses.id'], name=op.f('fk_former_results_analysis_id_analyses')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_former_results'))
    )
    op.create_index('uq_former_results_revision', 'former_results', ['analysis_id', 'revision'], unique=True)

    op.create_table('labels',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('analysis_id', sa.Uuid(), nullable=False),
    sa.Column('machine_id', sa.BigInteger(), nullable=False),
    sa.Column('author_id', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('verdict', sa.Text(), nullable=False),
    sa.Column('condition', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    _json('result', nullable=False),
    sa.CheckConstraint("verdict IN ('confirm', 'correct', 'dismiss', 'watch', 'fixed')", name=op.f('ck_labels_verdict')),
    sa.ForeignKeyConstraint(['analysis_id'], ['analyses.id'], name=op.f('fk_labels_analysis_id_analyses')),
    sa.ForeignKeyConstraint(['author_id'], ['users.id'], name=op.f('fk_labels_author_id_users')),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_labels_machine_id_machines')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_labels'))
    )
    op.create_index(op.f('ix_labels_analysis_id'), 'labels', ['analysis_id'], unique=False)
    op.create_index('ix_labels_machine', 'labels', ['machine_id', 'at'], unique=False)

    # What follows looks at rows that are there already, so it is done without a lock that stops writers.
    with op.get_context().autocommit_block():
        # Counting what a machine has to learn from must not read everything it ever sent.
        op.create_index('ix_analyses_learnable', 'analyses', ['machine_id', 'heard_at'], unique=False, postgresql_where=sa.text('learnable'), postgresql_concurrently=True)
        op.create_index('ix_baselines_active', 'baselines', ['machine_id', 'run_state'], unique=False, postgresql_where=sa.text("status = 'active'"), postgresql_concurrently=True)
        for table, constraint in (
            ('baselines', 'ck_baselines_kind'),
            ('baselines', 'ck_baselines_status'),
            ('analyses', 'fk_analyses_head_id_heads'),
            ('analyses', 'fk_analyses_nearest_clip_id_clips'),
        ):
            op.execute(f'ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}')


def downgrade() -> None:
    raise RuntimeError("Labels and former results would be lost: restore a backup instead.")
