"""Names of devices, machines and shops as they come in."""

from typing import Annotated

from pydantic import StringConstraints

DEVICE_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$"
DeviceId = Annotated[str, StringConstraints(pattern=DEVICE_ID_PATTERN)]
"""What a node calls itself: `ICE_STORE_24H_002`, `ESP32_MIC_4711`, a MAC address."""

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$"),
]
"""What people call a machine or a shop: one line of text."""
