"""Flower's paths, without the slash at the end."""

from django.urls import path

from djtaskq_monitor.api import calling, control, queues, results, tasks, workers

urlpatterns = [
    path("workers", workers.workers, name="workers"),
    path("worker/shutdown/<path:worker>", control.shutdown, name="shutdown"),
    path("worker/pool/restart/<path:worker>", control.pool_restart, name="pool_restart"),
    path("worker/pool/grow/<path:worker>", control.pool_grow, name="pool_grow"),
    path("worker/pool/shrink/<path:worker>", control.pool_shrink, name="pool_shrink"),
    path("worker/pool/autoscale/<path:worker>", control.autoscale, name="autoscale"),
    path("worker/queue/add-consumer/<path:worker>", control.add_consumer, name="add_consumer"),
    path("worker/queue/cancel-consumer/<path:worker>", control.cancel_consumer, name="cancel_consumer"),
    path("tasks", tasks.tasks, name="tasks"),
    path("task/types", tasks.types, name="task_types"),
    path("task/info/<path:task_id>", tasks.info, name="task_info"),
    path("task/apply/<path:name>", calling.apply, name="apply"),
    path("task/async-apply/<path:name>", calling.async_apply, name="async_apply"),
    path("task/send-task/<path:name>", calling.send_task, name="send_task"),
    path("task/result/<path:task_id>", results.result, name="task_result"),
    path("task/abort/<path:task_id>", results.abort, name="abort"),
    path("task/timeout/<path:task>", control.time_limits, name="time_limits"),
    path("task/rate-limit/<path:task>", control.rate_limit, name="rate_limit"),
    path("task/revoke/<path:task_id>", control.revoke, name="revoke"),
    path("queues/length", queues.lengths, name="queue_lengths"),
]
