"""Which queues have consumers: asked of the workers, since not every broker knows."""

from celery import Celery
from django.core.cache import cache
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

_KEY = "djtaskq_beat.consumed_queues"
_KEPT = 30
_CONNECT = 1
_ANSWER = 0.5


def nobody_consumes(app: Celery, queue: str, task: str) -> str:
    """A warning where no worker consumes the queue that the task goes to; empty where one does.

    Takes half a second, and up to a second more where the broker is away; the answer is kept for 30 seconds.
    """
    name = queue or _route(app, task)
    consumed = cache.get(_KEY)
    if consumed is None:
        try:
            consumed = consumed_queues(app)
        except (OperationalError, OSError):
            return _("The broker cannot be reached: whether a worker consumes “%s” is not known.") % name
        cache.set(_KEY, consumed, _KEPT)
    if name in consumed:
        return ""
    if not consumed:
        return _("No worker answers: nobody consumes “%s” at present.") % name
    others = ", ".join(f"“{other}”" for other in consumed[:10])
    text = _("No worker consumes the queue “%(name)s”; those that answer consume %(others)s.")
    return text % {"name": name, "others": others}


def consumed_queues(app: Celery) -> list[str]:
    """The queues of all workers that answer; raises the broker's errors where it is away."""
    with app.connection_for_write(connect_timeout=_CONNECT) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=_CONNECT)
        try:
            answers = app.control.inspect(timeout=_ANSWER, connection=connection).active_queues()
        except (*connection.connection_errors, *connection.channel_errors) as error:
            raise OperationalError(str(error)) from error
    return sorted({queue["name"] for queues in (answers or {}).values() for queue in queues})


def _route(app: Celery, task: str) -> str:
    """The queue that the task's messages go to where its row names none."""
    routed = app.amqp.router.route({}, task).get("queue")
    return str(getattr(routed, "name", routed) or app.conf.task_default_queue)
