"""Shops, their machines, and the devices that listen to them."""
