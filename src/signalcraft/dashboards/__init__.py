"""Read models: answers for the screen that are put together from several domains' tables."""
