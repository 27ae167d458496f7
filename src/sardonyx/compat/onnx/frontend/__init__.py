"""Nothing: programs import the name."""
