"""`python -m bridge.fhir.server` writes the tables of docs/conformance/fhir-server.md."""

from __future__ import annotations

import sys

from bridge.fhir.server.reference import reference

if __name__ == "__main__":
    sys.stdout.write(reference())
