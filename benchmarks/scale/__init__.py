"""What `benchmarks.beat_scale` measures: real beats over many schedules, beside their peers."""
