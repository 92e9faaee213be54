"""Reading what the live feed shows: workers' reports, and the first requests that wait."""

import time

from api.live_picture import LivePicture
from queue_config.connection import Redis
from queue_config.job_queue import JobQueue
from queue_config.report import reports
from queue_config.waiting_list import waiting_lanes

SHOWN = 24
"""How many of a lane's waiting requests are shown; all are counted."""


def read_picture(redis: Redis, queue: JobQueue, model: str) -> LivePicture:
    """Four round trips, however many run or wait. Raises RedisError."""
    workers = reports(redis)
    lanes = waiting_lanes(redis, model, SHOWN)
    ids = [job_id for lane in lanes for job_id in lane.ids]
    records = queue.find_all(ids) if ids else {}
    waiting = tuple(records[job_id] for job_id in ids if job_id in records)
    return LivePicture(at=time.time(), workers=workers, lanes=lanes, waiting=waiting)
