"""What keeps a command from its work: said in words, and the exit code it ends with."""

from __future__ import annotations

import sys

from bridge.domain.errors import BridgeError
from bridge.mapping.errors import ProfileError
from bridge.settings import ConfigurationError, render

FAILURES = (ConfigurationError, ProfileError, BridgeError, OSError)
"""What is told in a sentence; anything else is a mistake of ours, and told whole."""


def explain(error: Exception) -> int:
    """Say what is wrong, and give the exit code (2: command or configuration)."""
    print(_in_words(error), file=sys.stderr, flush=True)
    return 2 if isinstance(error, ConfigurationError | ProfileError) else 1


def _in_words(error: Exception) -> str:
    if isinstance(error, ConfigurationError):
        return render(error.problems)
    return f"bridge: {error.message if isinstance(error, BridgeError) else error}"
