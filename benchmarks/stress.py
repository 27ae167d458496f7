"""What must not break a session: `python -m benchmarks.stress [SCENARIO ...] [--seconds N]`.

- threads: 16 of them call one session at once, with extents that change;
- sessions: they are made, run and dropped in a loop;
- forks: the process forks while a thread runs; the child runs too;
- kills: processes are killed while they write compiled kernels, and the next one finds what they left;
- disk: nothing more can be written to the cache.

Each result is compared with the reference. Every scenario ends with a line: how often, wrong results, growth of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import sardonyx as sx
from sardonyx.ir.text import parse_model

__all__ = ["SCENARIOS", "run"]

SIZES = range(1, 9)
TEXT = """<ir_version: 10, opset_import: ["" : 21]>
net (float[N, 16] x, float[16, 48] w, float[48, 8] v) => (float[N, 8] y)
{ a = MatMul(x, w) b = Gelu(a) c = MatMul(b, v) s = Softmax(c) e = Exp(s) y = Mul(e, s) }"""
# A process of its own: one session with kernels that no other has, for `number` is a literal in one of them.
CHILD = """
import sys, resource, signal
import numpy as np, sardonyx as sx
from sardonyx.ir.text import parse_model
number, limit = float(sys.argv[1]), int(sys.argv[2])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
text = '<ir_version: 10, opset_import: ["" : 21]> g (float[N] x) => (float[N] y)'
text += ' { k = Constant <value_float = %r> () a = Mul(x, k) b = Exp(a) y = Add(b, k) }' % number
x = np.linspace(-1, 1, 33, dtype=np.float32)
print("ready", flush=True)
[y] = sx.Session(parse_model(text))(x)
np.testing.assert_allclose(y, np.exp(x * np.float32(number)) + np.float32(number), rtol=1e-5)
print("right", flush=True)
"""


def _feeds() -> tuple[list[dict[str, Any]], list[Any]]:
    rng = np.random.default_rng(0)
    w, v = rng.standard_normal((16, 48), np.float32), rng.standard_normal((48, 8), np.float32)
    feeds = [{"x": rng.standard_normal((n, 16), np.float32), "w": w, "v": v} for n in SIZES]
    model = parse_model(TEXT)
    return feeds, [sx.evaluate(model, feed)[0] for feed in feeds]


def _right(got: Any, wanted: Any) -> bool:
    return got.shape == wanted.shape and bool(np.allclose(got, wanted, rtol=1e-4, atol=1e-5))


def _megabytes() -> float:
    """Resident memory of this process."""
    status = Path("/proc/self/status")
    return int(status.read_text().split("VmRSS:")[1].split()[0]) / 1024 if status.exists() else 0.0


def threads(seconds: float, count: int = 16) -> dict[str, float]:
    feeds, wanted = _feeds()
    session = sx.Session(parse_model(TEXT))
    calls, wrong = [0] * count, [0] * count
    end = time.monotonic() + seconds

    def hammer(i: int) -> None:
        choose = random.Random(i)
        while time.monotonic() < end:
            n = choose.randrange(len(feeds))
            wrong[i] += not _right(session.run(None, feeds[n])[0], wanted[n])
            calls[i] += 1

    hammer_all = [threading.Thread(target=hammer, args=(i,)) for i in range(count)]
    for thread in hammer_all:
        thread.start()
    time.sleep(seconds / 4)  # every thread has its memory by then
    before = _megabytes()
    for thread in hammer_all:
        thread.join()
    return {"calls": sum(calls), "wrong": sum(wrong), "grown_mb": _megabytes() - before}


def sessions(seconds: float) -> dict[str, float]:
    feeds, wanted = _feeds()
    made = wrong = 0
    before = 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        n = made % len(feeds)
        wrong += not _right(sx.Session(parse_model(TEXT)).run(None, feeds[n])[0], wanted[n])
        made += 1
        if made == 20:
            before = _megabytes()
    return {"calls": made, "wrong": wrong, "grown_mb": _megabytes() - before if before else 0.0}


def forks(seconds: float) -> dict[str, float]:
    feeds, wanted = _feeds()
    session = sx.Session(parse_model(TEXT))
    end, stop, wrong, made = time.monotonic() + seconds, threading.Event(), 0, 0

    def work() -> None:
        while not stop.is_set():
            session.run(None, feeds[-1])

    worker = threading.Thread(target=work)
    worker.start()
    while time.monotonic() < end:
        child = os.fork()
        if not child:
            signal.alarm(60)  # a child that hangs ends, and counts as wrong
            os._exit(not _right(session.run(None, feeds[made % len(feeds)])[0], wanted[made % len(feeds)]))
        wrong += os.waitpid(child, 0)[1] != 0
        made += 1
    stop.set()
    worker.join()
    return {"calls": made, "wrong": wrong, "grown_mb": 0.0}


def _child(number: float, cache: str, limit: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(number), str(limit)],
        env=os.environ | {"SARDONYX_CACHE": cache},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _says_right(child: subprocess.Popen[str]) -> bool:
    return "right" in child.communicate(timeout=300)[0]


def kills(seconds: float) -> dict[str, float]:
    """A process is killed a moment after it began to compile; another compiles the same with what is on disk."""
    made = wrong = 0
    choose, end = random.Random(0), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as cache:
        while time.monotonic() < end:
            number = 1 + made / 1024
            child = _child(number, cache)
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(choose.random() * 0.6)
            child.kill()
            child.communicate()
            wrong += not _says_right(_child(number, cache))
            made += 1
    return {"calls": made, "wrong": wrong, "grown_mb": 0.0}


def disk(seconds: float) -> dict[str, float]:
    """Files may not grow beyond a few bytes; then the folder may not be written at all."""
    made = wrong = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end or made < 2:
        with tempfile.TemporaryDirectory() as cache:
            wrong += not _says_right(_child(2 + made, cache, limit=64))
            Path(cache).chmod(0o500)
            wrong += not _says_right(_child(2 + made, cache))
            Path(cache).chmod(0o700)
        made += 2
    return {"calls": made, "wrong": wrong, "grown_mb": 0.0}


SCENARIOS: dict[str, Callable[[float], dict[str, float]]] = {
    "threads": threads, "sessions": sessions, "forks": forks, "kills": kills, "disk": disk,
}  # fmt: skip


def run(names: list[str], seconds: float) -> dict[str, dict[str, float]]:
    """The facts of each scenario, printed as they come."""
    found: dict[str, dict[str, float]] = {}
    for name in names:
        found[name] = facts = SCENARIOS[name](seconds)
        shown = f"{facts['calls']:.0f} times, {facts['wrong']:.0f} wrong, memory grown by {facts['grown_mb']:.1f} MB"
        print(f"{name:9} {shown}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", default=list(SCENARIOS), help=f"of {', '.join(SCENARIOS)}; all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = run(options.names, options.seconds)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    raise SystemExit(any(facts["wrong"] for facts in found.values()))


if __name__ == "__main__":
    main()
