"""Flower's 20 endpoints, called with curl against Flower 2.2 and against djtaskq on the same workers."""
