"""The handlers of the machines' tier, one module per subject."""
