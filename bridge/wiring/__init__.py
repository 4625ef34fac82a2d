"""The one composition root: settings go in, a running bridge comes out, by explicit calls."""

from bridge.wiring.bridge import Bridge
from bridge.wiring.core import Core, build_core

__all__ = ["Bridge", "Core", "build_core"]
