"""The machines' tier: Flask, one thin blueprint per subject."""
