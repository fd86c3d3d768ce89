"""Sensor readings: the write path, time partitions, series for charts."""
