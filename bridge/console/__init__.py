"""The console: how the bridge is doing, for people (pages) and for machines (health, metrics).

Enters: HTTP requests. Leaves: server-rendered pages, JSON and the Prometheus text format.
"""
