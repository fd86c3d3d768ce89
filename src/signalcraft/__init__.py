"""SignalCraft hears when a refrigeration compressor is about to fail."""
