"""Events leave as CloudEvents in JSON for any program that listens: by HTTP POST, or at a broker.

An event says what happened to which order or study, by identifiers alone: no patient data.
"""
