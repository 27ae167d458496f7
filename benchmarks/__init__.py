"""Measurements: `python -m benchmarks.engine` and its neighbours print tables; nothing here is imported by the package."""
