"""Declarations of messages in the forms that protobuf's compiler takes, from one source with switches.

The text of a source goes through `translate`. Sardonyx itself has no such sources: `convert` needs one by its path.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["convert", "convert_to_proto3", "main", "process_ifs", "process_package_name", "translate"]

autogen_header = "//\n// Made from a source of declarations (.in.proto): edit that one, not this file.\n//\n\n\n"
LITE_OPTION = "\n\n// The smaller runtime of protobuf\noption optimize_for = LITE_RUNTIME;\n\n"
DEFAULT_PACKAGE_NAME = "onnx"
HERE = str(Path(__file__).resolve().parent)
STEMS = ["onnx", "onnx-operators", "onnx-data"]
UNCHANGED = "onnx-data"  # is the same in both modes

IF_ONNX_ML_REGEX = re.compile(r"\s*//\s*#if\s+ONNX-ML\s*$")
ELSE_ONNX_ML_REGEX = re.compile(r"\s*//\s*#else\s*$")
ENDIF_ONNX_ML_REGEX = re.compile(r"\s*//\s*#endif\s*$")
IMPORT_REGEX = re.compile(r'(\s*)import\s*"([^"]*)\.proto";\s*$')
PACKAGE_NAME_REGEX = re.compile(r"\{PACKAGE_NAME\}")
ML_REGEX = re.compile(r"(.*)\-ml")
PROTO_SYNTAX_REGEX = re.compile(r'(\s*)syntax\s*=\s*"proto2"\s*;\s*$')
OPTIONAL_REGEX = re.compile(r"(\s*)optional\s(.*)$")


def process_ifs(lines: Iterable[str], onnx_ml: bool) -> Iterator[str]:
    """The lines without the switches (``// #if ONNX-ML``, ``// #else``, ``// #endif``) and what they leave out."""
    branch: bool | None = None  # for which mode the lines are; None outside of switches
    for line in lines:
        if IF_ONNX_ML_REGEX.match(line):
            assert branch is None, "a switch within a switch"
            branch = True
        elif ELSE_ONNX_ML_REGEX.match(line):
            assert branch is True, "an else without its if"
            branch = False
        elif ENDIF_ONNX_ML_REGEX.match(line):
            assert branch is not None, "an end without its if"
            branch = None
        elif branch in (None, bool(onnx_ml)):
            yield line


def process_package_name(lines: Iterable[str], package_name: str) -> Iterator[str]:
    """The lines with the package's name in its places, and in the names of imported files if it is not the usual one."""
    for line in lines:
        found = IMPORT_REGEX.match(line) if package_name != DEFAULT_PACKAGE_NAME else None
        if found is None:
            yield PACKAGE_NAME_REGEX.sub(package_name, line)
            continue
        indent, file = found.groups()
        ml = ML_REGEX.match(file)
        renamed = f"{ml.group(1)}_{package_name}-ml" if ml else f"{file}_{package_name}"
        yield f'{indent}import "{renamed}.proto";'


def convert_to_proto3(lines: Iterable[str]) -> Iterator[str]:
    """The lines in the third version of the language, where all fields are optional."""
    for line in lines:
        if found := PROTO_SYNTAX_REGEX.match(line):
            yield f'{found.group(1)}syntax = "proto3";'
        elif found := OPTIONAL_REGEX.match(line):
            yield found.group(1) + found.group(2)
        elif found := IMPORT_REGEX.match(line):
            yield f'{found.group(1)}import "{found.group(2)}.proto3";'
        else:
            yield line


def translate(source: str, proto: int, onnx_ml: bool, package_name: str) -> str:
    """The declarations in version `proto` (2 or 3) of the language."""
    lines = process_package_name(process_ifs(source.splitlines(), onnx_ml), package_name)
    assert proto in (2, 3), f"there is no version {proto} of the language"
    return os.linesep.join(convert_to_proto3(lines) if proto == 3 else lines)


def gen_proto3_code(protoc_path: str, proto3_path: str, include_path: str, cpp_out: str, python_out: str) -> None:
    """Let protobuf's compiler read a file, and write what it makes of it."""
    print(f"{protoc_path} reads {proto3_path}")
    outputs = ["--cpp_out", cpp_out, "--python_out", python_out]
    subprocess.run([protoc_path, proto3_path, "-I", include_path, *outputs], check=True)


def qualify(f: str, pardir: str | None = None) -> str:
    """The path of a file in a folder; by default in that of this module."""
    return str(Path(HERE if pardir is None else pardir, f))


def convert(
    stem: str, package_name: str, output: str, do_onnx_ml: bool = False, lite: bool = False, protoc_path: str = ""
) -> None:
    """Write the forms of ``STEM.in.proto`` into a folder: both versions of the language, and a module that imports one.

    Args:
        stem: the source without its ending; a path, as none lies here.
        package_name: of the messages; names of files say it if it is not the usual one.
        protoc_path: a compiler that is to read the third version.

    Raises:
        FileNotFoundError: there is no such source.
    """
    source = Path(qualify(f"{stem}.in.proto"))
    if not source.exists():
        raise FileNotFoundError(f"{source} is no file: Sardonyx has no sources of declarations; give one by its path")
    text, name = source.read_text(encoding="utf-8"), Path(stem).name
    is_renamed, mode = package_name != DEFAULT_PACKAGE_NAME, "-ml" if do_onnx_ml and UNCHANGED not in name else ""
    base = f"{name}_{package_name}{mode}" if is_renamed else f"{name}{mode}"
    for version, ending in ((2, "proto"), (3, "proto3")):
        made = autogen_header + translate(text, version, do_onnx_ml, package_name) + (LITE_OPTION if lite else "")
        _write(qualify(f"{base}.{ending}", output), made)
    if protoc_path:
        above = str(Path(output).parent)
        gen_proto3_code(protoc_path, qualify(f"{base}.proto3", output), above, above, above)
        for left in Path(output).glob(f"{base}.proto3.*"):
            left.unlink()
    if is_renamed:
        _write(qualify(f"{name}{mode}.pb.h", output), f'#pragma once\n#include "{base}.pb.h"\n')
    module = f"{base.replace('-', '_')}_pb2"
    _write(qualify(f"{name.replace('-', '_')}_pb.py", output), f"from .{module} import *  # noqa\n")


def _write(path: str, text: str) -> None:
    print(f"Writing {path}")
    Path(path).write_text(text, encoding="utf-8", newline="")


def main() -> None:
    """The command: read its arguments, and convert."""
    parser = argparse.ArgumentParser(description="Write .proto files from .in.proto")
    parser.add_argument("-p", "--package", default=DEFAULT_PACKAGE_NAME, help="the package that messages are in")
    parser.add_argument("-m", "--ml", action="store_true", help="with what ONNX-ML adds")
    parser.add_argument("-l", "--lite", action="store_true", help="for the smaller runtime of protobuf")
    parser.add_argument("-o", "--output", default=HERE, help="a folder")
    parser.add_argument("--protoc_path", default="", help="a compiler that is to read the third version")
    parser.add_argument("stems", nargs="*", default=STEMS, help="the paths of the sources, without .in.proto")
    args = parser.parse_args()
    Path(args.output).mkdir(parents=True, exist_ok=True)
    for stem in args.stems:
        convert(stem, args.package, args.output, args.ml, args.lite, args.protoc_path)


if __name__ == "__main__":
    main()
