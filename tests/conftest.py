"""What every test shares: the same property examples on every machine, and no clock on them."""

import os

from hypothesis import settings

# Derandomized, so that a red run is red again; `HYPOTHESIS_PROFILE=search` looks for new examples.
settings.register_profile("proof", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("search", deadline=None, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "proof"))
