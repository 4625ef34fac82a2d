"""Published studies enter and FHIR transactions leave; what FHIR servers answer becomes domain errors.

No FHIR model travels inward: resources are built as JSON here, and validated here.
"""
