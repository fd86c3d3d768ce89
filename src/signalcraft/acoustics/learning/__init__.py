"""What machines and people teach: baselines, state models, labels, heads; and how a new one is tried."""
