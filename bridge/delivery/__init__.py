"""Claimed delivery rows and their destinations enter; sends, retries and recorded outcomes leave.

This room knows nothing of what is said to a destination, nor of how rows are kept.
"""
