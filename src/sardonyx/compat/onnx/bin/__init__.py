"""What runs as commands."""
