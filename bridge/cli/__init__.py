"""The commands. Each module adds its parsers and runs them; nothing else lives here."""

from bridge.cli.main import main

__all__ = ["main"]
