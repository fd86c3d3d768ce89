"""Live events: a numbered outbox in PostgreSQL, fanned out through Redis Streams, resumable by number."""
