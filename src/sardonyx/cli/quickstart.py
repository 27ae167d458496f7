"""The story on real data: train in PyTorch, export, check, verify, run fast, look at the result.

Everything here is public API, so that this file is also the tutorial: read `quickstart` from top to bottom.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import sardonyx as sx

if TYPE_CHECKING:
    import numpy as np
    import torch

    Array = np.ndarray[Any, Any]
    Split = tuple[Array, Array, Array, Array]

__all__ = ["quickstart"]

STEPS = 7
TRAINING_SECONDS = 12.0  # where training stops, however far it got


def quickstart(
    folder: Annotated[Path, typer.Option("-o", "--output", help="Where digits.onnx and the report go.")] = Path(),
) -> None:
    """Train a network on handwritten digits, export it, prove it equal, run it fast; under two minutes.

    Example: **sardonyx quickstart -o /tmp/digits**
    """
    _need("torch", "sklearn", "matplotlib")
    import numpy as np
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()

    # 1. Real data, and a network that learns it.
    train_x, test_x, train_y, test_y = digits()
    net, steps, seconds = train(train_x, train_y)
    with torch.inference_mode():
        scores = net(torch.from_numpy(test_x)).numpy()
    accuracy = float((scores.argmax(1) == test_y).mean())
    say(
        1,
        f"trained on {len(train_x)} digits: {steps} steps in {seconds:.1f} s, {accuracy:.2%} of {len(test_x)} others right",
    )

    # 2. From the module to an ONNX model: one example is enough, and `batch` stays open.
    example = torch.from_numpy(test_x[:2])
    model = sx.from_torch(net, (example,), dynamic_shapes={"image": {0: "batch"}}, output_names=["scores"])
    say(2, f"exported: {len(list(model.graph.nodes))} operators, opset {model.opset}, input {model.graph.inputs[0]!r}")

    # 3. Is it legal? What does every value look like?
    sx.check(model)
    model = sx.infer_shapes(model)
    sx.save(model, folder / "digits.onnx")
    size = (folder / "digits.onnx").stat().st_size
    say(3, f"checked, shapes inferred ({model.graph.outputs[0]!r}), saved digits.onnx, {size / 1e3:.0f} kB")

    # 4. Does it give what PyTorch gives? Every held-out digit, by the references of the standard's operators.
    report = sx.verify(folder / "digits.onnx", net, {"image": test_x})
    report.raise_if_different()
    worst = report.outputs[0]
    say(4, f"verified on all {len(test_x)}: worst absolute error {worst.max_abs:.1e}, relative {worst.max_rel:.1e}")

    # 5. The same file as machine code. `run` is the call that users of onnxruntime know.
    session = sx.Session(folder / "digits.onnx", threads=torch.get_num_threads())
    (ours,) = session.run(None, {"image": test_x})
    engine = sx.verify(session, net, {"image": test_x})
    engine.raise_if_different()
    ours_accuracy = float((ours.argmax(1) == test_y).mean())
    if ours_accuracy != accuracy:
        raise SystemExit(f"the accuracy changed from {accuracy:.2%} to {ours_accuracy:.2%}")
    say(
        5,
        f"runs in sx.Session: worst absolute error {engine.outputs[0].max_abs:.1e}, accuracy the same, {ours_accuracy:.2%}",
    )

    # 6. How fast? Both take turns on the same threads.
    latencies: dict[int, tuple[float, float]] = {}
    for batch in (1, 64):
        images = test_x[:batch]
        tensors = torch.from_numpy(images)

        def eager(tensors: torch.Tensor = tensors) -> Any:
            with torch.inference_mode():
                return net(tensors)

        latencies[batch] = alternate(lambda images=images: session.run(None, {"image": images}), eager)
    shown = [f"batch {b}: {1e3 * a:.3f} ms, PyTorch {1e3 * t:.3f} ms ({t / a:.1f}x)" for b, (a, t) in latencies.items()]
    say(6, f"latency on {torch.get_num_threads()} threads: " + "; ".join(shown))

    # 7. Something to look at.
    exponentials = np.exp(ours - ours.max(1, keepdims=True))
    draw(folder / "digits.png", test_x, test_y, exponentials / exponentials.sum(1, keepdims=True))
    facts = [
        ("training", f"{len(train_x)} digits, {steps} steps, {seconds:.1f} s"),
        ("accuracy, PyTorch", f"{accuracy:.2%} of {len(test_x)} held-out digits"),
        ("accuracy, sx.Session", f"{ours_accuracy:.2%}"),
        ("operators in digits.onnx", f"{len(list(model.graph.nodes))}, opset {model.opset}"),
        ("reference against PyTorch", f"absolute {worst.max_abs:.1e}, relative {worst.max_rel:.1e}"),
        (
            "sx.Session against PyTorch",
            f"absolute {engine.outputs[0].max_abs:.1e}, relative {engine.outputs[0].max_rel:.1e}",
        ),
        *(
            (f"latency, batch {b}", f"{1e3 * a:.3f} ms; PyTorch eager {1e3 * t:.3f} ms")
            for b, (a, t) in latencies.items()
        ),
        ("threads", f"{torch.get_num_threads()}"),
        ("whole run", f"{time.perf_counter() - started:.0f} s"),
    ]
    write_report(folder / "report.md", facts)
    say(7, f"wrote {folder / 'digits.onnx'}, {folder / 'report.md'}, {folder / 'digits.png'} in {facts[-1][1]}")


def digits() -> Split:
    """scikit-learn's bundled handwritten digits as images of 1 x 8 x 8 from 0 to 1: train and test images, then labels."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data: Any = load_digits()
    images = (data.images[:, None] / 16).astype(np.float32)
    split: Any = train_test_split(images, data.target, test_size=0.2, random_state=0, stratify=data.target)
    return tuple(split)


def train(images: Array, labels: Array) -> tuple[torch.nn.Module, int, float]:
    """A small convolutional network that knows the digits, how many steps it took, and how long."""
    import torch
    from torch import nn

    class Digits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
                nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
            )  # fmt: skip
            self.classify = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(256, 10))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.classify(self.features(image))

    threads = torch.get_num_threads()
    torch.set_num_threads(
        1
    )  # a batch of small images is too little work to share, and waiting is dear on a busy machine
    torch.manual_seed(0)
    net = Digits()
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    start, steps, batch, step = time.perf_counter(), 400, 64, 0
    # The rate rises and falls once. On a slow machine it falls with the time that is left, so that training ends well.
    while (progress := max(step / steps, (time.perf_counter() - start) / TRAINING_SECONDS)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * min(5 * progress + 0.05, 1.25 * (1 - progress))
        chosen = torch.randint(len(x), (batch,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[chosen]), y[chosen]).backward()
        optimizer.step()
        step += 1
    torch.set_num_threads(threads)
    return net.eval(), step, time.perf_counter() - start


def alternate(ours: Callable[[], Any], theirs: Callable[[], Any], turns: int = 20) -> tuple[float, float]:
    """The median seconds of two calls, measured in turns; the first calls of a turn only warm up."""
    samples: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for call, into in zip((ours, theirs), samples, strict=True):
            call()
            call()
            end = time.perf_counter() + 0.05
            while (start := time.perf_counter()) < end:
                call()
                into.append(time.perf_counter() - start)
    return statistics.median(samples[0]), statistics.median(samples[1])


def draw(path: Path, images: Array, labels: Array, confidences: Array) -> None:
    """A grid of digits, each with what the model takes it for and how sure it is; mistakes in red."""
    from matplotlib.figure import Figure

    # The mistakes first, then the rest: a picture of right answers only would show less.
    wrong = confidences.argmax(1) != labels
    order = [*wrong.nonzero()[0], *(~wrong).nonzero()[0]][:32]
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    for axes, i in zip(figure.subplots(4, 8).flat, order, strict=True):
        guess = confidences[i].argmax()
        axes.imshow(images[i, 0], cmap="gray_r")
        axes.set_title(f"{guess}  {confidences[i, guess]:.0%}", color="crimson" if wrong[i] else "black", fontsize=10)
        axes.axis("off")
    figure.suptitle(f"{len(images)} held-out digits, {int(wrong.sum())} mistaken (red)")
    figure.savefig(path, dpi=110)


def write_report(path: Path, facts: list[tuple[str, str]]) -> None:
    """The facts as a Markdown table, with the picture."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts)
    path.write_text(f"# Digits: from PyTorch to machine code\n\n| | |\n|---|---|\n{rows}\n\n![digits](digits.png)\n")


def say(step: int, text: str) -> None:
    """One line of progress."""
    print(f"[{step}/{STEPS}] {text}", flush=True)


def _need(*packages: str) -> None:
    import importlib.util

    from sardonyx.core.errors import InputError

    missing = [p for p in packages if importlib.util.find_spec(p) is None]
    if missing:
        raise InputError(
            f"the quickstart needs {', '.join(missing)}",
            fix="pip install 'sardonyx[quickstart]', or '.[quickstart]' here",
        )
