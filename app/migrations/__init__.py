"""The steps by which the database came to its present form; Alembic runs those that are missing."""
