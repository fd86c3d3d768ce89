"""`signalcraft capacity`: what a number of shops asks of a machine, from measured costs."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from signalcraft.operations import capacity as model

_GB = 1e9
_MEANS = {
    "cores": "All processor time together. / 모든 프로세서 시간",
    "gateway": "The people's tier: a core for each process. / 사용자 계층",
    "api": "The machines' tier, with one process lost. / 장치 계층, 프로세스 하나를 잃어도",
    "worker": "Analyses, with one process lost. / 분석, 프로세스 하나를 잃어도",
    "link": "Lone readings and connected nodes: one process. / 단일 측정값과 연결된 노드",
    "proxy": "nginx: one process. / 프록시",
    "valkey": "The queue: one thread. / 큐",
    "streams": "Open event streams, each of them a person. / 열린 이벤트 스트림",
    "memory": "Of all processes. / 메모리",
    "disk": "A month of readings and sound. / 한 달의 측정값과 소리",
}


def capacity(
    shops: Annotated[int, typer.Option(min=1, help="Shops.")] = 50,
    machines_per_shop: Annotated[int, typer.Option(min=1, help="Machines, one node each.")] = 4,
    reading_every: Annotated[float, typer.Option(min=0.1, help="Seconds between a node's readings.")] = 10.0,
    clip_every: Annotated[float, typer.Option(min=1, help="Seconds between a node's clips.")] = 600.0,
    people_per_shop: Annotated[float, typer.Option(min=0, help="People who watch at once.")] = 1.0,
    page_every: Annotated[float, typer.Option(min=0.1, help="Seconds between a person's pages.")] = 60.0,
    cores: Annotated[int, typer.Option(min=1, help="Of the machine.")] = 2,
    memory_gb: Annotated[float, typer.Option(min=0.5, help="Of the machine.")] = 8.0,
    disk_gb: Annotated[float, typer.Option(min=1, help="For the data folder.")] = 200.0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, as one JSON document.")] = False,
) -> None:
    """Whether one machine carries so many shops, and what runs out first. / 용량을 계산합니다."""
    measured = model.Measurements.shipped()
    demand = model.Demand(
        shops=shops,
        machines_per_shop=machines_per_shop,
        reading_every_s=reading_every,
        clip_every_s=clip_every,
        people_per_shop=people_per_shop,
        page_every_s=page_every,
    )
    machine = model.Machine(cores, memory_gb * _GB, disk_gb * _GB)
    found = model.limits(measured, demand, machine)
    most = {limit.name: model.most_shops(measured, demand, machine, limit.name) for limit in found}
    if as_json:
        document = {
            "demand": asdict(demand),
            "rates_per_s": dict(demand.rates()),
            "cores": model.cores_by_part(measured, demand.rates()),
            "disk_bytes_per_month": model.disk_bytes(measured, demand, model.MONTH_DAYS),
            "limits": [{**asdict(limit), "most_shops": most[limit.name]} for limit in found],
            "measured_at": measured.measured_at,
        }
        print(json.dumps(document, indent=2))
    else:
        _show(measured, demand, found, most)
    if found[0].share > 1:
        raise typer.Exit(1)


def _show(
    measured: model.Measurements, demand: model.Demand, found: list[model.Limit], most: dict[str, int]
) -> None:
    rates = demand.rates()
    print(
        f"{demand.shops:,} shops, {demand.machines:,} machines, {demand.people:,.0f} people at once:"
        f" {rates['reading']:,.1f} readings, {rates['clip']:.2f} clips, {rates['page']:.2f} pages a second;"
        f" {model.disk_bytes(measured, demand, model.MONTH_DAYS) / _GB:,.1f} GB a month."
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title, justify in (("limit", "left"), ("used", "right"), ("shops at most", "right"), ("", "left")):
        table.add_column(title, justify=justify, no_wrap=bool(title))  # type: ignore[arg-type]
    for limit in found:
        share = f"{limit.share:.0%}"
        shops = f"{most[limit.name]:,}" if most[limit.name] < model.HIGHEST else "–"
        table.add_row(
            limit.name, share if limit.share <= 1 else f"[bold red]{share}[/]", shops, _MEANS[limit.name]
        )
    Console().print(table)
    print(
        f"From costs measured on {measured.cores} cores ({measured.measured_at[:10]}): {model.BUSY:.0%} of"
        " all cores are used at most, and each kind of several processes may lose one. / 측정값에서 계산"
    )
