"""Alerts: raised where something goes wrong, on record, and sent by any beat a moment later."""
