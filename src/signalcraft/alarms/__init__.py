"""The alarm state machine: raised, acknowledged, cleared; rows before messages."""
