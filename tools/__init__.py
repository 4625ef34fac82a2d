"""What looks after the repository itself; nothing here runs with the bridge."""
