"""What a shop's machines measured last."""

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.clock import utc_now
from signalcraft.dashboards import fleet_queries as queries
from signalcraft.dashboards.schemas import LatestAnswer, LatestMachine
from signalcraft.fleet.light import device_status


def latest(session: Session, principal: Principal, shop_id: int) -> LatestAnswer:
    """The newest values of every machine of a shop, from the devices' maintained state: one query.

    Raises
    ------
    NotFoundError
        There is no such shop, or it is not theirs to see.
    """
    principal.require("fleet.read", shop_id)
    now = utc_now()
    return LatestAnswer(
        shop_id=shop_id,
        machines=[
            LatestMachine(
                machine_id=row["machine_id"],
                machine_name=row["machine_name"],
                device_id=row["device_id"],
                status=None
                if row["device_id"] is None
                else device_status(row["last_seen_at"], now, row["rhythm_s"]),
                measured_at=row["measured_at"],
                received_at=row["last_received_at"],
                temperature_c=row["temperature_c"],
                vibration_g=row["vibration_g"],
                power_percent=row["power_percent"],
                audio_level=row["audio_level"],
            )
            for row in queries.newest_values(session, frozenset({shop_id}))
        ],
    )
