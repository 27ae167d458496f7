"""Repairs the source of Bochs 3.0 where its AMX falls short of the manual: `python -m benchmarks.emulator.bochs FOLDER`.

- XFD is missing, the switch by which Linux gives a thread tile state when it first uses it: without it Linux leaves AMX off.
- Tiles are saved and restored by halves, whether they are in use is told the wrong way round, states that a restore leaves
  out take no room, and of the configuration rows and columns are swapped.
- Products of bytes take no heed of signs.
- The model's nominal frequency belies the time stamp counter, which counts instructions.

Each repair names what it expects to find and how often, so that it does not fit another version by accident.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# file -> (pattern, what takes its place)
REPAIRS: dict[str, list[tuple[str, str]]] = {
    "cpu/cpu.h": [(r"(  Bit64u ia32_xss;\n)", r"\1  Bit64u ia32_xfd, ia32_xfd_err;\n")],
    "cpu/msr.h": [(r"(  BX_MSR_XSS = 0xDA0,\n)", r"\1  BX_MSR_XFD = 0x1C4,\n  BX_MSR_XFD_ERR = 0x1C5,\n")],
    "cpu/init.cc": [
        (
            r"(  BX_CPU_THIS_PTR msr\.)ia32_xss = 0;\n",
            r"\g<0>\1ia32_xfd = 0;\n\1ia32_xfd_err = 0;\n",
        )
    ],
    "cpu/msr.cc": [
        (
            r"  msr_desc\[BX_MSR_XSS\].*\n",
            r"\g<0>"
            '  msr_desc[BX_MSR_XFD] = new MSR_Descriptor("XFD", BX_ISA_AMX);\n'
            '  msr_desc[BX_MSR_XFD_ERR] = new MSR_Descriptor("XFD_ERR", BX_ISA_AMX);\n',
        ),
        (
            r"    case BX_MSR_XSS:\n(?=      if)",
            "    case BX_MSR_XFD: val64 = BX_CPU_THIS_PTR msr.ia32_xfd; break;\n"
            "    case BX_MSR_XFD_ERR: val64 = BX_CPU_THIS_PTR msr.ia32_xfd_err; break;\n"
            r"\g<0>",
        ),
        (
            r"    case BX_MSR_XSS:\n(?=      \{)",
            "    case BX_MSR_XFD:\n"
            "      if (val_64 & ~Bit64u(1 << 18)) return false;\n"
            "      BX_CPU_THIS_PTR msr.ia32_xfd = val_64;\n"
            "      handleAvxModeChange();\n"
            "      break;\n"
            "    case BX_MSR_XFD_ERR: BX_CPU_THIS_PTR msr.ia32_xfd_err = val_64; break;\n"
            r"\g<0>",
        ),
    ],
    "cpu/cpuid.cc": [
        (
            r"      leaf->eax \|= \(1<<3\);\n",
            r"\g<0>    if (is_cpu_extension_supported(BX_ISA_AMX)) leaf->eax |= (1<<4);\n",
        ),
        (r"      leaf->ecx = \(cpu->ia32_xss_suppmask.*\n", r"\g<0>      if (subfunction == 18) leaf->ecx |= 4;\n"),
    ],
    "cpu/proc_ctrl.cc": [
        (r"\) != 0\)(?=\s+clear_amx_ok)", ") != 0 || BX_CPU_THIS_PTR msr.ia32_xfd != 0)"),
        (
            r"(?<=XTILEDATA_MASK\)\)\n    exception\(BX_UD_EXCEPTION, 0\);\n)",
            "  if (BX_CPU_THIS_PTR msr.ia32_xfd) {\n"
            "    BX_CPU_THIS_PTR msr.ia32_xfd_err |= BX_CPU_THIS_PTR msr.ia32_xfd;\n"
            "    exception(BX_NM_EXCEPTION, 0);\n"
            "  }\n",
        ),
    ],
    "cpu/xsave.cc": [
        (r"(vmm16u\(8\+n\).*tilecfg\[n\]\.)rows", r"\1bytes_per_row"),
        (r"(vmmubyte\(48\+n\).*tilecfg\[n\]\.)bytes_per_row", r"\1rows"),
        (r"row < BX_TILE_REGISTERS(?=; row\+\+\) \{\n      write)", "row < BX_TILE_MAX_ROWS"),
        (r"row < BX_TILE_REGISTERS(?=; row\+\+\) \{\n      read)", "row < BX_TILE_MAX_ROWS"),
        (r"tile_use_tracker == 0\)", "tile_use_tracker != 0) && ! BX_CPU_THIS_PTR msr.ia32_xfd"),
        (
            r"\n(        if \(format & feature_mask\)\n          offset \+= .*\n)      \}\n",
            r"\n      }\n\1",
        ),
    ],
    "cpu/avx/amx.h": [(r"start_row\(0\) \{\}", "start_row(0), tile_use_tracker(0) {}")],
    "cpu/cpudb/intel/sapphire_rapids.cc": [
        (r"get_leaf\(leaf, 0x00000002, 0x000000b0.*\)", "get_reserved_leaf(leaf)"),
        (r"get_leaf\(leaf, 0x00000898, .*\)", "get_reserved_leaf(leaf)"),
    ],
}
SIGNED = {"DPBDSS": "xy", "DPBDSU": "x", "DPBDUS": "y"}  # products of bytes -> the sides that have signs


def repair(folder: Path) -> None:
    """Repair the source in a folder, whole or not at all."""
    texts = {name: (folder / name).read_text(encoding="latin-1") for name in [*REPAIRS, "cpu/avx/amx.cc"]}
    for name, repairs in REPAIRS.items():
        for pattern, new in repairs:
            texts[name], count = re.subn(pattern, new, texts[name])
            if count != 1:
                raise SystemExit(
                    f"{name} has {count} places like {pattern!r}, not one: is this Bochs 3.0, not yet repaired?"
                )
    texts["cpu/avx/amx.cc"] = _signs(texts["cpu/avx/amx.cc"])
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="latin-1")


def _signs(text: str) -> str:
    """The helpers that multiply four bytes, with the signs that their names promise."""
    for name, sides in SIGNED.items():
        start = text.index(f"Bit32u {name}(")
        end = text.index("\n}\n", start)
        body = text[start:end].replace("Bit32u(xbyte", "Bit32s(xbyte").replace("Bit32u(ybyte", "Bit32s(ybyte")
        for side in sides:
            line = re.search(rf"const Bit8u {side}byte.*\n", body)
            assert line is not None
            body = body.replace(line[0], line[0].replace("Bit8u", "Bit8s"))
        text = text[:start] + body + text[end:]
    return text


if __name__ == "__main__":
    repair(Path(sys.argv[1]))
