"""The native side of running plans: one loop that walks the steps, and the workers that help it.

The caller leads. A step that makes one chunk it runs itself. For any other step it publishes the step and a ticket, and
whoever comes takes chunks from the ticket until none is left; then the caller waits for the chunks that others have taken.
So a worker that sleeps, or that the operating system has put aside, costs nothing but its help.

The ticket is one word: the number of the step in its upper half, the chunks left in its lower half. A chunk is taken by
compare-and-swap, and only afterwards are the fields of the step read: they cannot change while a chunk is out.

A step may have several phases of as many tasks each, numbered on: those of a phase begin when all before are done. Each
has a ticket of its own; on one thread they are one call.

Every word that several threads write has a cache line of its own.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from dataclasses import dataclass
from typing import Any

from sardonyx.engine.codegen import native
from sardonyx.engine.codegen.linux import FUTEX
from sardonyx.engine.codegen.target import Target, detect

__all__ = ["STATE_BYTES", "Field", "Runtime", "runtime"]


class Field:
    """Byte offsets into the state of a pool."""

    TICKET, DONE, EPOCH, SLEEPERS, BUSY = 0, 64, 128, 192, 256
    STOP, LIMIT, SCRATCH, STRIDE, SPINS = 320, 328, 336, 344, 352
    CODE, ARGS, FIRST, END, GRAIN, CHUNKS = 384, 392, 400, 408, 416, 424


STATE_BYTES = 448


@dataclass(frozen=True)
class Runtime:
    """The native functions. Calling one releases the GIL.

    alone(table, steps, scratch): every step on this thread.
    run(state, table, steps, scratch, threads): with the pool's help; alone if the pool is busy.
    work(state, index): a worker's life; gives 1 when it wants to be parked by the caller, 0 when it is told to stop.
    lock(state) -> 1 if the pool was idle and is now taken; unlock(state).
    stop(state): tell all workers to end.
    """

    alone: Any
    run: Any
    work: Any
    lock: Any
    unlock: Any
    stop: Any
    parks: bool  # whether workers park themselves


@functools.cache
def runtime(futex: bool = FUTEX is not None) -> Runtime:
    """The functions, compiled or from the cache; without `futex`, the portable form."""
    names = ("sdx_alone", "sdx_run", "sdx_work", "sdx_lock", "sdx_unlock", "sdx_stop")
    target = detect()
    text = _text(target, futex)

    def make() -> bytes:
        from sardonyx.engine.codegen.jit import text_object  # needs LLVM

        return text_object(text, "runtime", target)

    at = native.find(native.key_of(text, target), names, make)
    ptr, i64 = ctypes.c_void_p, ctypes.c_int64
    signatures: dict[str, tuple[Any, ...]] = {
        "sdx_alone": (None, ptr, i64, ptr),
        "sdx_run": (None, ptr, ptr, i64, ptr, i64),
        "sdx_work": (i64, ptr, i64),
        "sdx_lock": (i64, ptr),
        "sdx_unlock": (None, ptr),
        "sdx_stop": (None, ptr),
    }
    calls = [ctypes.CFUNCTYPE(*signatures[name])(at[name]) for name in names]
    return Runtime(*calls, parks=futex)


def _text(target: Target, futex: bool) -> str:
    x86 = target.triple.startswith("x86_64")
    pause = "llvm.x86.sse2.pause()" if x86 else "llvm.aarch64.hint(i32 1)"
    declare = "declare void @llvm.x86.sse2.pause()" if x86 else "declare void @llvm.aarch64.hint(i32)"
    if not x86 and not target.triple.startswith(("aarch64", "arm64")):
        pause = declare = ""
    posix = sys.platform != "win32"
    words = {
        "triple": target.triple,
        "declare": declare,
        "pause": f"call void @{pause}" if pause else "",
        "yield": "call i32 @sched_yield()" if posix else "",
        "declare_yield": "declare i32 @sched_yield()" if posix else "",
        "futex": (FUTEX or "") if futex else "",
        "wake": "call void @wake(ptr %epoch)" if futex else "",
        "park": "call void @wait(ptr %epoch, i32 %seen)\n  br label %fresh" if futex else "ret i64 1",
    }
    text = _TEXT
    for name, offset in vars(Field).items():
        if isinstance(offset, int):
            text = text.replace(f"<{name}>", f"getelementptr i8, ptr %state, i64 {offset}")
    for name, value in words.items():
        text = text.replace(f"<{name}>", value)
    return text


_TEXT = """
target triple = "<triple>"
<declare>
<declare_yield>
<futex>

define void @sdx_alone(ptr %table, i64 %steps, ptr %scratch) {
entry:
  %any = icmp sgt i64 %steps, 0
  br i1 %any, label %step, label %done
step:
  %s = phi i64 [ 0, %entry ], [ %next, %step ]
  %row = getelementptr [5 x i64], ptr %table, i64 %s
  %code = load ptr, ptr %row
  %args.at = getelementptr i64, ptr %row, i64 1
  %args = load ptr, ptr %args.at
  %tasks.at = getelementptr i64, ptr %row, i64 2
  %tasks = load i64, ptr %tasks.at
  %phases.at = getelementptr i64, ptr %row, i64 4
  %further = load i64, ptr %phases.at
  %phases = add i64 %further, 1
  %all = mul i64 %tasks, %phases
  call void %code(ptr %args, i64 0, i64 %all, ptr %scratch)
  %next = add i64 %s, 1
  %more = icmp slt i64 %next, %steps
  br i1 %more, label %step, label %done
done:
  ret void
}

define i64 @sdx_lock(ptr %state) {
  %busy = <BUSY>
  %pair = cmpxchg ptr %busy, i64 0, i64 1 seq_cst seq_cst
  %got = extractvalue { i64, i1 } %pair, 1
  %result = zext i1 %got to i64
  ret i64 %result
}

define void @sdx_unlock(ptr %state) {
  %busy = <BUSY>
  store atomic i64 0, ptr %busy release, align 8
  ret void
}

; Wake whoever sleeps.
define internal void @rouse(ptr %state) {
  %sleepers = <SLEEPERS>
  %asleep = load atomic i64, ptr %sleepers seq_cst, align 8
  %any = icmp ne i64 %asleep, 0
  br i1 %any, label %some, label %done
some:
  store atomic i64 0, ptr %sleepers seq_cst, align 8
  %epoch = <EPOCH>
  %old = atomicrmw add ptr %epoch, i32 1 seq_cst
  <wake>
  br label %done
done:
  ret void
}

define void @sdx_stop(ptr %state) {
  %stop = <STOP>
  store atomic i64 1, ptr %stop seq_cst, align 8
  %sleepers = <SLEEPERS>
  store atomic i64 1, ptr %sleepers seq_cst, align 8
  call void @rouse(ptr %state)
  ret void
}

; Take a chunk and run it; false if none is left. The caller of a run brings scratch memory of its own; that of the workers
; may move between runs, so that its place is read only when a chunk is claimed.
define internal i1 @take(ptr %state, ptr %own, i64 %index) {
entry:
  %ticket = <TICKET>
  br label %try
try:
  %have = load atomic i64, ptr %ticket acquire, align 8
  %left = and i64 %have, 4294967295
  %none = icmp eq i64 %left, 0
  br i1 %none, label %empty, label %claim
claim:
  %want = sub i64 %have, 1
  %pair = cmpxchg ptr %ticket, i64 %have, i64 %want seq_cst seq_cst
  %got = extractvalue { i64, i1 } %pair, 1
  br i1 %got, label %mine, label %again
again:
  <pause>
  br label %try
mine:
  %code.at = <CODE>
  %code = load ptr, ptr %code.at
  %args.at = <ARGS>
  %args = load ptr, ptr %args.at
  %first.at = <FIRST>
  %first = load i64, ptr %first.at
  %stop.at = <END>
  %stop = load i64, ptr %stop.at
  %grain.at = <GRAIN>
  %grain = load i64, ptr %grain.at
  %chunks.at = <CHUNKS>
  %chunks = load i64, ptr %chunks.at
  %number = sub i64 %chunks, %left
  %before.this = mul i64 %number, %grain
  %begin = add i64 %first, %before.this
  %full = add i64 %begin, %grain
  %base.at = <SCRATCH>
  %base = load ptr, ptr %base.at
  %stride.at = <STRIDE>
  %stride = load i64, ptr %stride.at
  %offset = mul i64 %stride, %index
  %theirs = getelementptr i8, ptr %base, i64 %offset
  %leads = icmp slt i64 %index, 0
  %scratch = select i1 %leads, ptr %own, ptr %theirs
  %over = icmp sgt i64 %full, %stop
  %end = select i1 %over, i64 %stop, i64 %full
  call void %code(ptr %args, i64 %begin, i64 %end, ptr %scratch)
  %done = <DONE>
  %before = atomicrmw add ptr %done, i64 1 release
  ret i1 true
empty:
  ret i1 false
}

define void @sdx_run(ptr %state, ptr %table, i64 %steps, ptr %scratch, i64 %threads) {
entry:
  %free = call i64 @sdx_lock(ptr %state)
  %ours = icmp ne i64 %free, 0
  br i1 %ours, label %lead, label %alone
alone:
  call void @sdx_alone(ptr %table, i64 %steps, ptr %scratch)
  ret void
lead:
  %helpers = sub i64 %threads, 1
  %limit = <LIMIT>
  %before = load atomic i64, ptr %limit monotonic, align 8
  store atomic i64 %helpers, ptr %limit seq_cst, align 8
  %wider = icmp sgt i64 %helpers, %before
  br i1 %wider, label %widen, label %begin
widen: ; those that the limit shut out sleep uncounted: let the first step rouse them
  %sleepers = <SLEEPERS>
  store atomic i64 1, ptr %sleepers seq_cst, align 8
  br label %begin
begin:
  %four = mul i64 %threads, 4
  %few = icmp slt i64 %four, 32
  %parts = select i1 %few, i64 32, i64 %four
  %ticket = <TICKET>
  %done = <DONE>
  %code.to = <CODE>
  %args.to = <ARGS>
  %first.to = <FIRST>
  %stop.to = <END>
  %grain.to = <GRAIN>
  %chunks.to = <CHUNKS>
  br label %step
step:
  %s = phi i64 [ 0, %begin ], [ %next, %finished ]
  %more = icmp slt i64 %s, %steps
  br i1 %more, label %load, label %end
load:
  %row = getelementptr [5 x i64], ptr %table, i64 %s
  %next = add i64 %s, 1
  %code = load ptr, ptr %row
  %args.at = getelementptr i64, ptr %row, i64 1
  %args = load ptr, ptr %args.at
  %tasks.at = getelementptr i64, ptr %row, i64 2
  %tasks = load i64, ptr %tasks.at
  %grain.at = getelementptr i64, ptr %row, i64 3
  %wish = load i64, ptr %grain.at
  %phases.at = getelementptr i64, ptr %row, i64 4
  %further = load i64, ptr %phases.at
  %phases = add i64 %further, 1
  %all.tasks = mul i64 %tasks, %phases
  %share = udiv i64 %tasks, %parts
  %fine = icmp sgt i64 %share, %wish
  %grain = select i1 %fine, i64 %share, i64 %wish
  %small = icmp sle i64 %tasks, %grain
  br i1 %small, label %single, label %publish
single:
  call void %code(ptr %args, i64 0, i64 %all.tasks, ptr %scratch)
  br label %finished
publish:
  %up = add i64 %tasks, %grain
  %up.less = sub i64 %up, 1
  %chunks = udiv i64 %up.less, %grain
  br label %phase
phase:
  %first = phi i64 [ 0, %publish ], [ %last, %phase.done ]
  %last = add i64 %first, %tasks
  store ptr %code, ptr %code.to
  store ptr %args, ptr %args.to
  store i64 %first, ptr %first.to
  store i64 %last, ptr %stop.to
  store i64 %grain, ptr %grain.to
  store i64 %chunks, ptr %chunks.to
  store atomic i64 0, ptr %done monotonic, align 8
  %old = load atomic i64, ptr %ticket monotonic, align 8
  %era = and i64 %old, -4294967296
  %era.next = add i64 %era, 4294967296
  %new = or i64 %era.next, %chunks
  store atomic i64 %new, ptr %ticket seq_cst, align 8
  call void @rouse(ptr %state)
  br label %help
help:
  %took = call i1 @take(ptr %state, ptr %scratch, i64 -1)
  br i1 %took, label %help, label %wait
wait:
  %spins = phi i64 [ 0, %help ], [ %spins.next, %waiting ]
  %finished.chunks = load atomic i64, ptr %done acquire, align 8
  %all = icmp eq i64 %finished.chunks, %chunks
  br i1 %all, label %phase.done, label %notyet
notyet:
  %spins.next = add i64 %spins, 1
  %long = icmp sgt i64 %spins, 4000
  br i1 %long, label %give, label %waiting.pause
give:
  <yield>
  br label %waiting
waiting.pause:
  <pause>
  br label %waiting
waiting:
  br label %wait
phase.done:
  %ended = icmp sge i64 %last, %all.tasks
  br i1 %ended, label %finished, label %phase
finished:
  br label %step
end:
  call void @sdx_unlock(ptr %state)
  ret void
}

define i64 @sdx_work(ptr %state, i64 %index) {
entry:
  %ticket = <TICKET>
  %limit = <LIMIT>
  %stop = <STOP>
  %sleepers = <SLEEPERS>
  %epoch = <EPOCH>
  %spins.at = <SPINS>
  %budget = load i64, ptr %spins.at
  br label %fresh
fresh:
  br label %look
look:
  %spins = phi i64 [ 0, %fresh ], [ %spins.next, %pausing ]
  %have = load atomic i64, ptr %ticket acquire, align 8
  %left = and i64 %have, 4294967295
  %some = icmp ne i64 %left, 0
  %most = load atomic i64, ptr %limit acquire, align 8
  %wanted = icmp slt i64 %index, %most
  %go = and i1 %some, %wanted
  br i1 %go, label %help, label %idle
help:
  %took = call i1 @take(ptr %state, ptr null, i64 %index)
  br label %fresh
idle:
  %ended = load atomic i64, ptr %stop acquire, align 8
  %over = icmp ne i64 %ended, 0
  br i1 %over, label %leave, label %rest
rest:
  %spins.next = add i64 %spins, 1
  %long = icmp sgt i64 %spins, %budget
  %unwanted = xor i1 %wanted, true
  %tired = or i1 %long, %unwanted
  br i1 %tired, label %sleep, label %pausing
pausing:
  <pause>
  br label %look
sleep:
  %seen = load atomic i32, ptr %epoch seq_cst, align 4
  %most2 = load atomic i64, ptr %limit seq_cst, align 8
  %wanted2 = icmp slt i64 %index, %most2
  %counts = zext i1 %wanted2 to i64
  %count = atomicrmw add ptr %sleepers, i64 %counts seq_cst
  %have2 = load atomic i64, ptr %ticket seq_cst, align 8
  %left2 = and i64 %have2, 4294967295
  %some2 = icmp ne i64 %left2, 0
  %go2 = and i1 %some2, %wanted2
  br i1 %go2, label %fresh, label %check
check:
  %ended2 = load atomic i64, ptr %stop seq_cst, align 8
  %over2 = icmp ne i64 %ended2, 0
  br i1 %over2, label %leave, label %park
park:
  <park>
leave:
  ret i64 0
}
"""
