"""Do two executions of a model give the same? `verify` runs both, compares, and finds the first value that differs."""

from __future__ import annotations

from sardonyx.verify.bisect import FirstDifference
from sardonyx.verify.inputs import random_inputs
from sardonyx.verify.report import Report
from sardonyx.verify.verify import verify

__all__ = ["FirstDifference", "Report", "random_inputs", "verify"]
