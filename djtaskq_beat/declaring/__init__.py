"""`beat_schedule` from the settings: what its entries say, which release's is in force, and their rows."""
