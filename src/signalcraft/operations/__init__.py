"""Running SignalCraft on a machine: its instance, the servers it brings, PM2, the proxy, start and stop."""
