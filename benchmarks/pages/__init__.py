"""What the benchmark of the monitor's pages is made of."""
