"""FHIR requests enter; projections of the domain, and resources as received, leave.

A resource that is written becomes events and is kept as a document in the same transaction; one
that is read is what the domain says now, laid over what was received.
"""
