"""Profiles enter as YAML and code tables, and leave compiled: which field of a message means what.

A compiled profile turns segments into values of the domain and says of each where it came from.
"""
