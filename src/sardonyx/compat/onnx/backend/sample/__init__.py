"""Samples of what a backend does."""
