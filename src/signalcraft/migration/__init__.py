"""Moving the old SQLite files to PostgreSQL: back up, look, keep everything, map, account for every row."""
