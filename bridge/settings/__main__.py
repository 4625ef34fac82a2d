"""``python -m bridge.settings > docs/configuration.md`` writes the documentation."""

from bridge.settings.reference import write_reference

print(write_reference(), end="")
