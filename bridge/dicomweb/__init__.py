"""DICOMweb (PS3.18): QIDO-RS finds and WADO-RS retrieves what the bridge received.

Enters: HTTP requests. Leaves: DICOM files as stored, and data sets in the DICOM JSON model.
"""
