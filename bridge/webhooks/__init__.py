"""Events leave as JSON by HTTP POST, signed, for any program that listens.

An event says what happened to which order or study, by identifiers alone: no patient data.
"""
