"""Streams of events, and who takes them: what the benchmarks of the monitor share."""
