"""The machine: processors, memory, disk, network."""

import os
from pathlib import Path

import psutil

from signalcraft.monitor.sampling import Look, Rates


class Host:
    """Samples the machine that the monitor runs on."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._rates = Rates()
        psutil.cpu_percent()  # the first answer of a process is of no span

    def look(self) -> Look:
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        disk = psutil.disk_usage(str(self._data_dir))
        numbers = {
            "cpu_percent": psutil.cpu_percent(),
            "load_1m": os.getloadavg()[0],
            "memory_used_bytes": float(memory.total - memory.available),
            "disk_used_bytes": float(disk.used),
            **self._rates.of(_traffic()),
        }
        document = {
            **numbers,
            "cores": os.cpu_count() or 1,
            "memory_total_bytes": memory.total,
            "swap_used_bytes": swap.used,
            "disk_free_bytes": disk.free,
            "disk_total_bytes": disk.used + disk.free,
            "booted_at_s": psutil.boot_time(),
        }
        return Look(document, numbers)


def _traffic() -> dict[str, float]:
    """Totals of what came and went over all interfaces that lead out of the machine, and of the disks."""
    network = [
        counters
        for name, counters in psutil.net_io_counters(pernic=True).items()
        if not name.startswith("lo")
    ]
    disks = psutil.disk_io_counters()
    return {
        "network_received_bytes_per_s": float(sum(counters.bytes_recv for counters in network)),
        "network_sent_bytes_per_s": float(sum(counters.bytes_sent for counters in network)),
        "disk_read_bytes_per_s": float(disks.read_bytes if disks else 0),
        "disk_written_bytes_per_s": float(disks.write_bytes if disks else 0),
    }
