"""Pure values and rules of the real world that HL7, FHIR and DICOM describe.

Enters and leaves: frozen values. No I/O, no clock, no randomness; only the standard library.
"""
