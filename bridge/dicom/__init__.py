"""DICOM's edge: associations, data sets and their character sets.

Enters: PDUs of modalities and archives. Leaves: domain commands and queries to the services, and
their answers as statuses and data sets. No Dataset travels inward.
"""
