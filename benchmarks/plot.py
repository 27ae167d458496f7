"""The picture of a run of `benchmarks.engine`: `python -m benchmarks.plot [RESULTS.json] [PICTURE.png]`."""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.engine import ratio

__all__ = ["draw"]

OURS, PEER = "#7b3f00", "#c9b8a8"  # the bands of the stone


def draw(found: dict[str, dict[str, dict[str, Any]]], title: str, picture: Path) -> None:
    """A bar per model: the latency of the fastest peer by ours."""
    from matplotlib import pyplot

    known = {model: r for model, rows in found.items() if (r := ratio(rows)) is not None}
    models = sorted(known, key=lambda m: known[m])
    figure, axes = pyplot.subplots(figsize=(8, 0.32 * len(models) + 1.2), layout="constrained")
    bars = axes.barh(models, [known[m] for m in models], color=[OURS if known[m] >= 1 else PEER for m in models])
    axes.bar_label(bars, [f"{known[m]:.2f}" for m in models], padding=3)
    axes.axvline(1, color="black", linewidth=1)
    axes.axvline(mean := statistics.geometric_mean(known.values()), color=OURS, linewidth=1, linestyle="dashed")
    axes.set_xlabel(f"latency of the fastest peer / Sardonyx (geometric mean {mean:.2f})")
    axes.set_title(title, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=Path("benchmarks/results/engine.json"))
    parser.add_argument("picture", type=Path, nargs="?", default=Path("docs/images/engine.png"))
    options = parser.parse_args()
    run = json.loads(options.results.read_text())
    facts = run["facts"]
    title = f"{facts['machine']}, {facts['threads']} threads, batch 1"
    draw(run["models"], title, options.picture)
    print(f"wrote {options.picture}")


if __name__ == "__main__":
    main()
