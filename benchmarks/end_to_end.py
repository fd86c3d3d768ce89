"""From a node's first byte to the diagnosis on an open page, against the running system.

`python -m benchmarks.end_to_end --help`; `benchmarks/README.md` says what each line means.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import httpx
import numpy as np
import typer

from benchmarks import load
from benchmarks.cpu import cpu_seconds, host_busy_seconds
from benchmarks.load import Node, Pass, Told, Watcher
from benchmarks.stage import Stage, stage
from signalcraft import dsp
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import iso, utc_now
from signalcraft.dsp.features import CURRENT, FEATURE_SETS
from signalcraft.simulation.machine import SAMPLE_RATE_HZ, VirtualMachine

REFERENCE_ROUNDS = 50
TEACHERS = 8
"""Devices that are taught at once: enough to keep two cores busy."""
SINGLE_NODES = 2


@dataclass(frozen=True)
class OldServer:
    """What the old server took for the answer to a ten-second clip, on two cores too (one run, k6).

    It stored nothing and told nobody; `as committed` every answer was an error.
    """

    clients: int
    as_committed_p95_s: float
    repaired_p95_s: float


@dataclass(frozen=True)
class Measured:
    """One pass; times in seconds."""

    name: str
    median_s: float
    p95_s: float
    longest_s: float
    upload_median_s: float
    upload_p95_s: float
    aim_p95_s: float | None
    accepted: int
    analysed: int
    failures: dict[str, int]
    verdicts: dict[str, int]
    analysed_per_s: float
    most_uploads_at_once: int
    generator_cores: float
    cpu_per_clip_s: dict[str, float]
    other_cores: float
    load_average: float
    old: OldServer | None

    @property
    def whole(self) -> bool:
        """Whether nothing was refused and every accepted clip was diagnosed."""
        return not self.failures and self.analysed == self.accepted


@dataclass(frozen=True)
class Reference:
    """What the same minute gives without the system, in seconds: ratios to it outlive the host.

    clip_s: storing form and features of one clip on one core, nothing else. live_s: a bare request through
    the proxy.
    """

    clip_s: float
    live_s: float


def main(
    url: Annotated[str, typer.Option(help="Origin; by default this host's instance.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    seconds: Annotated[int, typer.Option(min=1, help="Length of the pass with one clip a second.")] = 60,
    clients: Annotated[int, typer.Option(min=2, max=400, help="Nodes that upload at once.")] = 50,
    burst_seconds: Annotated[float, typer.Option(min=1, help="Length of their closed loop.")] = 30.0,
    flood_clips: Annotated[int, typer.Option(min=1, help="Clips a node sends in the flood.")] = 10,
) -> None:
    """Measure the running instance of SIGNALCRAFT_DATA_DIR; everything it makes is synthetic and removed."""
    settings = local_settings()
    origin = url or public_url(settings, settings.gateway_port)
    with stage(SINGLE_NODES + clients) as ready:
        reference, passes = asyncio.run(
            _measure(origin, ready, settings.baseline_clips, seconds, clients, burst_seconds, flood_clips)
        )
    document = {
        "measured_at": iso(utc_now()),
        "release": settings.release,
        "cores": os.cpu_count(),
        "reference": asdict(reference),
        "passes": [asdict(measured) for measured in passes],
    }
    if json_file is not None:
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if not all(measured.whole for measured in passes):
        sys.exit("Clips failed or were lost.")


async def _measure(
    origin: str,
    ready: Stage,
    baseline_clips: int,
    seconds: int,
    clients: int,
    burst_seconds: float,
    flood_clips: int,
) -> tuple[Reference, list[Measured]]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with (
        httpx.AsyncClient(base_url=origin, timeout=load.UPLOAD_TIMEOUT, limits=limits) as http,
        Watcher(origin, ready.username, ready.password).watching() as watcher,
    ):
        nodes = [Node(http, device_id, seed) for seed, device_id in enumerate(ready.device_ids)]
        taught = nodes[::2]
        print(
            f"{len(nodes)} devices; teaching {len(taught)} of them {baseline_clips} clips each …", flush=True
        )
        for first in range(0, len(taught), TEACHERS):
            await load.teach(taught[first : first + TEACHERS], watcher, 2 * baseline_clips)
        reference = await _reference(http)
        _print_reference(reference)
        single, many = nodes[:SINGLE_NODES], nodes[SINGLE_NODES:]
        passes: list[Measured] = []

        async def measure(
            name: str, doing: Any, aim_p95_s: float | None = None, old: OldServer | None = None
        ) -> None:
            busy, before, host_before = os.getloadavg()[0], cpu_seconds(), host_busy_seconds()
            done = await doing
            host_s = host_busy_seconds() - host_before
            spent = {
                process: seconds - before.get(process, 0.0) for process, seconds in cpu_seconds().items()
            }
            measured = _evaluate(name, done, watcher, spent, host_s, busy, aim_p95_s, old)
            _print_pass(measured, reference)
            passes.append(measured)

        await measure(
            f"1 clip a second for {seconds} s",
            load.one_a_second(single, watcher, seconds),
            0.5,
            OldServer(1, 0.113, 0.040),
        )
        await measure(
            f"{clients} clients at once for {burst_seconds:g} s, next clip after the diagnosis",
            load.closed_loop(many, watcher, burst_seconds),
            2.0 if clients == 50 else None,
            OldServer(50, 10.748, 4.009) if clients == 50 else None,
        )
        await measure(
            f"{clients} clients at once, {flood_clips} clips each without waiting for a diagnosis",
            load.flood(many, watcher, flood_clips),
        )
        if watcher.told_twice:
            sys.exit(f"{watcher.told_twice} results were told more than once.")
    return reference, passes


def _evaluate(
    name: str,
    done: Pass,
    watcher: Watcher,
    spent_s: dict[str, float],
    host_s: float,
    busy: float,
    aim_p95_s: float | None,
    old: OldServer | None,
) -> Measured:
    accepted = [upload for upload in done.uploads if upload.failure is None]
    pairs: list[tuple[load.Upload, Told]] = []
    for upload in accepted:
        told = watcher.heard(upload.analysis_id)
        if told is not None:
            pairs.append((upload, told))
    if not pairs:
        sys.exit(f"{name}: not one clip was diagnosed. {Counter(u.failure for u in done.uploads)}")
    whole_way = np.array([told.at - upload.began for upload, told in pairs])
    answers = np.array([upload.answered - upload.began for upload in accepted])
    span = max(told.at for _, told in pairs) - min(upload.began for upload in accepted)
    return Measured(
        name=name,
        median_s=float(np.median(whole_way)),
        p95_s=float(np.percentile(whole_way, 95)),
        longest_s=float(whole_way.max()),
        upload_median_s=float(np.median(answers)),
        upload_p95_s=float(np.percentile(answers, 95)),
        aim_p95_s=aim_p95_s,
        accepted=len(accepted),
        analysed=len(pairs),
        failures=dict(Counter(upload.failure for upload in done.uploads if upload.failure)),
        verdicts=dict(Counter(told.verdict or "failed" for _, told in pairs)),
        analysed_per_s=len(pairs) / span,
        most_uploads_at_once=done.most_at_once,
        generator_cores=done.generator_cpu_seconds / done.seconds,
        cpu_per_clip_s={process: seconds / len(pairs) for process, seconds in spent_s.items()},
        other_cores=(host_s - sum(spent_s.values()) - done.generator_cpu_seconds) / done.seconds,
        load_average=busy,
        old=old,
    )


async def _reference(http: httpx.AsyncClient) -> Reference:
    clips, requests = [], []
    pcm = VirtualMachine(1).clip(0.0, load.CLIP_SECONDS).astype("<i2").tobytes()
    for _ in range(REFERENCE_ROUNDS):
        began = perf_counter()
        stored = dsp.encode_flac(pcm, sample_rate_hz=SAMPLE_RATE_HZ)
        sound = dsp.decode(stored, max_duration_s=60.0)
        dsp.assess_quality(sound)
        FEATURE_SETS[CURRENT].extract(dsp.prepare(sound).samples)
        clips.append(perf_counter() - began)
        began = perf_counter()
        (await http.get("/live")).raise_for_status()
        requests.append(perf_counter() - began)
    return Reference(float(np.median(clips)), float(np.median(requests)))


def _print_reference(reference: Reference) -> None:
    cores = os.cpu_count() or 1
    print(
        f"reference: FLAC and features of one clip in this process {_ms(reference.clip_s)}"
        f" ({cores / reference.clip_s:.0f} clips/s on {cores} cores that do nothing else),"
        f" bare /live through the proxy {_ms(reference.live_s)}"
    )


def _print_pass(measured: Measured, reference: Reference) -> None:
    aim = ""
    if measured.aim_p95_s is not None:
        verdict = "met" if measured.p95_s < measured.aim_p95_s else "MISSED"
        aim = f"   aim p95 < {measured.aim_p95_s:g} s: {verdict}"
    refused = sum(measured.failures.values())
    verdicts = ", ".join(f"{verdict} {number}" for verdict, number in sorted(measured.verdicts.items()))
    print(f"\n{measured.name}   (load average before: {measured.load_average:.1f})")
    print(
        f"  first byte to event   median {_ms(measured.median_s)}   p95 {_ms(measured.p95_s)}"
        f"   longest {_ms(measured.longest_s)}{aim}"
    )
    print(
        f"  upload answered       median {_ms(measured.upload_median_s)}   p95 {_ms(measured.upload_p95_s)}"
    )
    print(
        f"  clips                 accepted {measured.accepted}   analysed {measured.analysed}"
        f"   failures {refused} {measured.failures or ''}"
    )
    print(f"  verdicts              {verdicts}")
    print(
        f"  throughput            {measured.analysed_per_s:.1f} clips/s"
        f"   most uploads at once {measured.most_uploads_at_once}"
        f"   load generator {measured.generator_cores:.2f} cores"
    )
    cpu = sorted(measured.cpu_per_clip_s.items(), key=lambda item: -item[1])
    each = ", ".join(f"{process} {_ms(seconds)}" for process, seconds in cpu if seconds >= 0.0001)
    print(f"  processor time a clip {_ms(sum(measured.cpu_per_clip_s.values()))}: {each}")
    print(f"  others on this host   {measured.other_cores:.2f} of {os.cpu_count()} cores")
    ratio = measured.median_s / reference.clip_s
    share = measured.analysed_per_s * reference.clip_s / (os.cpu_count() or 1)
    print(
        f"  to the reference      median {ratio:.1f} × a clip's bare computing time;"
        f" {share:.0%} of what all cores could compute"
    )
    if measured.old is not None:
        old = measured.old
        print(
            f"  old server, {old.clients} client(s): p95 {_ms(old.as_committed_p95_s)} as committed"
            f" ({old.as_committed_p95_s / measured.p95_s:.2f} × ours),"
            f" {_ms(old.repaired_p95_s)} repaired ({old.repaired_p95_s / measured.p95_s:.2f} × ours)",
        )
    sys.stdout.flush()


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 0.01 else f"{seconds * 1000:,.0f} ms"


if __name__ == "__main__":
    typer.run(main)
