"""A RIS-PACS bridge: orders in, a worklist out, images in, an ImagingStudy at the EHR."""
