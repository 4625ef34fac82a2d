"""Published studies enter, FHIR transactions leave; what servers answer becomes domain errors.

No FHIR model travels inward: resources are built as JSON here, and validated here.
"""
