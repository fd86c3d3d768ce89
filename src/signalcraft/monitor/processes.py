"""The processes as PM2 sees them, and each worker below them."""

import os
import time
from typing import Any

import psutil

from signalcraft.monitor.sampling import Look
from signalcraft.operations import kernel
from signalcraft.operations.instance import Instance
from signalcraft.operations.pm2 import Pm2, State


class Processes:
    """Samples every process of the installation. Processor shares are of the time between two looks."""

    def __init__(self, here: Instance) -> None:
        self._pm2 = Pm2(here)
        self._known: dict[int, psutil.Process] = {}

    def look(self) -> Look:
        states = self._pm2.states()
        trees = {state.name: sorted(kernel.tree(state.pid)) if state.pid else [] for state in states}
        if pid := self._pm2.pid:
            trees["pm2"] = [pid]
        self._follow({pid for pids in trees.values() for pid in pids})
        rows = [self._row(state, trees[state.name]) for state in states]
        numbers = {
            "memory_bytes": float(sum(row["memory_bytes"] for row in rows)),
            # Of the whole machine, as the host's; each row counts in cores, as `top` does.
            "cpu_percent": sum(row["cpu_percent"] for row in rows) / (os.cpu_count() or 1),
            "not_online": float(sum(row["status"] != "online" for row in rows)),
        }
        for row in rows:
            numbers[f"{row['name']}.memory_bytes"] = float(row["memory_bytes"])
            numbers[f"{row['name']}.cpu_percent"] = row["cpu_percent"]
        return Look({"processes": rows, "pm2_pid": pid}, numbers)

    def _follow(self, pids: set[int]) -> None:
        """Know the same objects from look to look: they remember the processor time of the last one."""
        kept = {pid: process for pid, process in self._known.items() if pid in pids and process.is_running()}
        for pid in pids - kept.keys():
            try:
                kept[pid] = psutil.Process(pid)
                kept[pid].cpu_percent()
            except psutil.NoSuchProcess:
                kept.pop(pid, None)
        self._known = kept

    def _row(self, state: State, pids: list[int]) -> dict[str, Any]:
        workers = [worker for pid in pids if (worker := self._worker(pid)) is not None]
        return {
            "name": state.name,
            "status": state.status,
            "pid": state.pid,
            "restarts": state.restarts,
            "uptime_s": max(0.0, time.time() - state.started_ms / 1000) if state.pid else None,
            "memory_bytes": sum(worker["memory_bytes"] for worker in workers),
            "cpu_percent": sum(worker["cpu_percent"] for worker in workers),
            "workers": workers,
        }

    def _worker(self, pid: int) -> dict[str, Any] | None:
        process = self._known.get(pid)
        if process is None:
            return None
        try:
            return {
                "pid": pid,
                "cpu_percent": process.cpu_percent(),
                "memory_bytes": kernel.memory_bytes({pid}),
                "uptime_s": max(0.0, time.time() - process.create_time()),
            }
        except psutil.NoSuchProcess:
            return None
