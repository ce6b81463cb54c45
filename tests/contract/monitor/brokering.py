"""A Celery app on each kind of broker."""

from celery import Celery

from djtaskq_monitor.brokers.choosing import asking

SEP = {"sep": ":", "priority_steps": [0, 5], "global_keyprefix": "team-a/"}
KINDS = ("redis", "redis-prefixed", "amqp", "management", "filesystem")


class Setting:
    """A Celery app on one kind of broker."""

    def __init__(self, url, options, api=None):
        self.app = Celery("brokers", broker=url, set_as_current=False)
        self.app.conf.update(broker_transport_options=options, task_default_queue="first")
        self.api = api

    def send(self, queue, *args, **options):
        return self.app.send_task("proj.add", args, queue=queue, **options).id

    def ask(self):
        return asking(self.app)

    def take(self, queue):
        """Hold one message, as a worker does; give it back by `close`."""
        connection = self.app.connection_for_read()
        return connection, self.app.amqp.queues[queue].bind(connection.channel()).get()
