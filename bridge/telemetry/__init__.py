"""Telemetry: what the bridge says of its own work to those who run it.

Enters: log records of every room. Leaves: lines of keys and values that name no patient.
"""
