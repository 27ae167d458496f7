"""What is done to a model before it runs: brought to the newest version, cleaned up, fused."""

from __future__ import annotations

from sardonyx.passes.convert import convert_version
from sardonyx.passes.pipeline import PIPELINE, Stage, optimize, stages
from sardonyx.passes.reference import evaluate

__all__ = ["PIPELINE", "Stage", "convert_version", "evaluate", "optimize", "stages"]
