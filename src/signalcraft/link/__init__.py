"""The nodes' tier: WebSockets of nodes that stay connected."""
