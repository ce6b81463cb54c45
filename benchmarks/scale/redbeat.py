"""RedBeat's schedules in Redis: one is saved by RedBeat itself, the others are copies under other names."""

import datetime as dt
import json

from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry
from redbeat.decoder import RedBeatJSONEncoder, to_timestamp
from redbeat.schedulers import get_redis

from benchmarks.scale.app import TASK, app

_EVERY = dt.timedelta(hours=1)
_BATCH = 1_000


class Schedules:
    """`size` of them, each every hour; none is due within the next one."""

    def __init__(self, size: int) -> None:
        self._redis = get_redis(app)
        self._redis.flushdb()
        ran = dt.datetime.now(dt.UTC)
        template = RedBeatSchedulerEntry("schedule 0", TASK, schedule(_EVERY), args=[1, 2], app=app)
        template.last_run_at = ran
        template.save()
        self._definition = self._redis.hget(template.key, "definition")
        self._prefix = template.key.removesuffix("0")
        template.delete()
        self._write(size, ran)

    def fall_due(self, count: int, at: dt.datetime) -> None:
        """Have the first `count` fall due at `at`."""
        self._write(count, at - _EVERY)

    def _write(self, count: int, last_run_at: dt.datetime) -> None:
        meta = json.dumps({"last_run_at": last_run_at, "total_run_count": 0}, cls=RedBeatJSONEncoder)
        score = to_timestamp(last_run_at + _EVERY)
        for begin in range(1, count + 1, _BATCH):
            numbers = range(begin, min(begin + _BATCH, count + 1))
            with self._redis.pipeline(transaction=False) as pipe:
                for number in numbers:
                    definition = self._definition.replace('"schedule 0"', f'"schedule {number}"')
                    key = f"{self._prefix}{number}"
                    pipe.hset(key, mapping={"definition": definition, "meta": meta})
                pipe.zadd(
                    app.redbeat_conf.schedule_key, {f"{self._prefix}{number}": score for number in numbers}
                )
                pipe.execute()
