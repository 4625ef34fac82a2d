"""``python -m bridge.mapping docs/mapping.md`` writes the tables of the guide anew."""

import sys
from pathlib import Path

from bridge.mapping.guide import renew

for name in sys.argv[1:]:
    path = Path(name)
    path.write_text(renew(path.read_text("utf-8")), "utf-8")
