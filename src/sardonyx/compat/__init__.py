"""Other packages' programming interfaces over Sardonyx's rooms, for programs that were written for them."""

from __future__ import annotations

from sardonyx.compat._install import install, uninstall

__all__ = ["install", "uninstall"]
