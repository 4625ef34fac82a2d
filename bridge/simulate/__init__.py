"""A simulated HIS, modality and EHR for the demo, the bench and the tests.

They speak only the wire protocols (HL7 over MLLP, DICOM, FHIR over HTTP) and share no code with the
bridge's edges, so that a mistake made there is not made here too.
"""
