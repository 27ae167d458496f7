"""The permission to use AMX tile registers, which Linux grants to a process that asks once."""

from __future__ import annotations

import ctypes
import functools
import sys

__all__ = ["request_permission"]

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
