"""The DICOM conformance statement (PS3.2), written from what the edges do.

Enters: settings, and the tables the edges work by. Leaves: a document in Markdown.
"""
