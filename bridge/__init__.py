"""A RIS-PACS bridge: orders in by HL7 v2 and FHIR, a DICOM worklist out, images in, ImagingStudy back."""
