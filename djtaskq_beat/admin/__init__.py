from djtaskq_beat.admin import periodic_tasks, runs, schedules  # noqa: F401  they register themselves
