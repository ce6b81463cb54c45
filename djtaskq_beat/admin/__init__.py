from djtaskq_beat.admin import beats, periodic_tasks, runs, schedules, timetable  # noqa: F401  they register themselves
