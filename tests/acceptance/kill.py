"""The kill test's engine: traffic that never stops, and a bridge killed beneath it."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.acceptance.hospital import Hospital
from tests.acceptance.traffic import Tally, Traffic


class KillRun:
    """One run: `perform` kills the bridge so many times while the senders send."""

    def __init__(self, hospital: Hospital, directory: Path, seed: int) -> None:
        self.kills = 0
        self._bridge = hospital.bridge
        self._traffic = Traffic(hospital, directory)
        self._random = random.Random(seed)

    def perform(self, kills: int, senders: int = 3) -> Tally:
        """Kill the bridge `kills` times; end with a bridge that runs and senders that are done."""
        self._traffic.start(senders)
        try:
            while self.kills < kills and not self._traffic.tally.errors:
                self._kill_once()
        finally:
            tally = self._traffic.finish()
        return tally

    def _kill_once(self) -> None:
        """Kill at a random point of its life: at work mostly, while it starts sometimes."""
        time.sleep(self._random.uniform(0.0, 1.0))
        self._bridge.kill()
        self.kills += 1
        if self._random.random() < 0.2:
            self._bridge.launch()
            time.sleep(self._random.uniform(0.0, 1.5))
            self._bridge.kill()
            self.kills += 1
        self._bridge.start()
