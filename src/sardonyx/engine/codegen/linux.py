"""What only Linux has: permission to use AMX tile registers, and waiting on a word of memory (futex).

Elsewhere AMX is not used, and threads that have nothing to do wait in Python (see `threads`).
"""

from __future__ import annotations

import ctypes
import functools
import platform
import sys

__all__ = ["ASKING", "FUTEX", "request_permission"]

_SYS_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA = 158, 0x1023, 18


@functools.cache
def request_permission() -> bool:
    """Ask for the tile state; whether the process (and every thread it starts from now on) has it."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return ctypes.CDLL(None).syscall(_SYS_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA) == 0
    except (OSError, AttributeError):
        return False


_SYSCALL = '"syscall", "={rax},0,{rdi},{rsi},~{rcx},~{r11},~{memory}"'
# LLVM text of <name>_ask(), for programs that begin without Python: asks for the tile state when it is first called.
ASKING = f"""
@<name>_asked = internal global i8 0
define internal void @<name>_ask() {{
entry:
  %asked = load atomic i8, ptr @<name>_asked monotonic, align 1
  %again = icmp ne i8 %asked, 0
  br i1 %again, label %done, label %first
first:
  call i64 asm sideeffect {_SYSCALL}(i64 {_SYS_ARCH_PRCTL}, i64 {_ARCH_REQ_XCOMP_PERM}, i64 {_XFEATURE_XTILEDATA})
  store atomic i8 1, ptr @<name>_asked monotonic, align 1
  br label %done
done:
  ret void
}}
"""

_SYS_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98}
_WAIT, _WAKE, _PRIVATE, _EVERYONE = 0, 1, 128, 0x7FFFFFFF


def _futex() -> str | None:
    number = _SYS_FUTEX.get(platform.machine()) if sys.platform.startswith("linux") else None
    if number is None:
        return None
    call = f"call i64 (i64, ...) @syscall(i64 {number}, ptr %word,"
    return f"""
declare i64 @syscall(i64, ...)

define internal void @wait(ptr %word, i32 %seen) {{
  {call} i32 {_WAIT | _PRIVATE}, i32 %seen, ptr null, ptr null, i32 0)
  ret void
}}

define internal void @wake(ptr %word) {{
  {call} i32 {_WAKE | _PRIVATE}, i32 {_EVERYONE}, ptr null, ptr null, i32 0)
  ret void
}}
"""


# LLVM text of wait(word, seen), which sleeps while the word holds `seen`, and wake(word); None where there is no futex.
FUTEX: str | None = _futex()
