"""How the bridge tells what it does: logs and metrics. Events with keys go in, lines come out."""
