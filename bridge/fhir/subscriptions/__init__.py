"""Subscriptions that others hold at the FHIR server enter; notifications of events leave.

R4 by the backport guide (hl7.fhir.uv.subscriptions-backport), R4 as it stands, and R5.
"""
