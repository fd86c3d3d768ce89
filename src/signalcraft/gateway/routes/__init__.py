"""Routes of the people's tier, one module a subject."""
