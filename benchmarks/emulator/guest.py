"""A Linux guest on an emulated CPU with AMX: `python -m benchmarks.emulator.guest --debs DIR --bochs FILE COMMAND`.

The command runs in a copy of this tree, with the Python that runs this and the packages that tests need; what it prints is
printed, and its exit status is ours. README.md says what DIR holds and how FILE is built. Needs dpkg-deb and mke2fs.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["boot_disc", "main", "root_disc", "run"]

TREE = Path(__file__).parents[2]
PACKAGES = """
numpy numpy.libs ml_dtypes llvmlite onnx google typing_extensions.py _pytest pytest pluggy iniconfig packaging pygments
hypothesis sortedcontainers _hypothesis_ftz_detector.py _hypothesis_globals.py _hypothesis_pytestplugin.py py.py
typer rich click shellingham markdown_it mdurl annotated_doc"""
MODULES = "scsi_common scsi_mod sd_mod libata ata_piix"  # what it takes to see a disk
APPLETS = "sh mkdir mount umount insmod sleep sed grep sort tr cut head chroot sync poweroff echo cat"
# 580, fast short REP MOVSB: Bochs offers it without the switch that Linux 6.1 looks at, which then copies in neither way.
BOOT = "console=ttyS0,115200 quiet loglevel=3 clearcpuid=580 mitigations=off nokaslr no5lvl hpet=disable tsc=reliable"
INIT = f"""#!/bin/sh
mkdir -p /proc /sys /dev /root
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
for m in {MODULES}; do insmod /m/$m.ko; done
n=0; while [ ! -b /dev/sdb ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done
mount -t ext4 -o ro,noload /dev/sda /root; mount -t ext4 -o ro,noload /dev/sdb /root/work
mount -t tmpfs t /root/tmp; mount -t proc p /root/proc; mount -o bind /dev /root/dev; mount -t sysfs s /root/sys
mkdir -p /dev/shm; mount -t tmpfs t /dev/shm
echo "guest: $(grep -c ^processor /proc/cpuinfo) CPUs, $(grep -o 'amx[a-z0-9_]*' /proc/cpuinfo | sort -u | tr '\\n' ' ')"
chroot /root /bin/sh /work/main.sh
echo "guest: exit $?"
poweroff -f
"""
MACHINE = """config_interface: textconfig
display_library: nogui
cpu: model=sapphire_rapids, count={cpus}, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=1024, host=1024
romimage: file="{debs}/usr/share/bochs/BIOS-bochs-latest", options=fastboot
vgaromimage: file="{debs}/usr/share/vgabios/vgabios.bin"
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
ata0-master: type=disk, mode=volatile, path="{root}"
ata0-slave: type=disk, mode=volatile, path="{work}"
ata1-master: type=cdrom, path="{boot}", status=inserted
boot: cdrom
clock: sync=none
log: /dev/null
panic: action=fatal
error: action=ignore
info: action=ignore
com1: enabled=1, mode=file, dev="{serial}"
"""


def archive(files: dict[str, tuple[int, bytes]]) -> bytes:
    """Files by name, as (mode, data), in the format of the kernel's first file system (cpio, "newc")."""
    out = bytearray()
    for number, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], 1):
        device = (5, 1) if name == "dev/console" else (0, 0)
        raw = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(raw), 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + raw
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def boot_disc(debs: Path, to: Path) -> None:
    """A CD with the kernel, a loader, and a first file system that mounts the disks and runs the command."""
    files: dict[str, tuple[int, bytes]] = dict.fromkeys(("bin", "m", "dev"), (0o40755, b""))
    files["bin/busybox"] = (0o100755, (debs / "bin/busybox").read_bytes())
    files |= {f"bin/{name}": (0o120777, b"busybox") for name in APPLETS.split()}
    files["init"], files["dev/console"] = (0o100755, INIT.encode()), (0o20600, b"")
    for name in MODULES.split():
        [module] = (debs / "lib/modules").rglob(f"{name}.ko")
        files[f"m/{name}.ko"] = (0o100644, module.read_bytes())
    with tempfile.TemporaryDirectory() as name:
        disc = Path(name)
        (disc / "initrd").write_bytes(archive(files))
        [kernel] = (debs / "boot").glob("vmlinuz-*")
        shutil.copy(kernel, disc / "linux")
        shutil.copy(debs / "usr/lib/ISOLINUX/isolinux.bin", disc)
        shutil.copy(debs / "usr/lib/syslinux/modules/bios/ldlinux.c32", disc)
        (disc / "isolinux.cfg").write_text(f"default l\nlabel l\nkernel /linux\ninitrd /initrd\nappend {BOOT}\n")
        loader = ["-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
        subprocess.run([debs / "usr/bin/genisoimage", "-quiet", "-o", to, *loader, "-R", disc], check=True)


def disk(folder: Path, to: Path, spare: int = 64) -> None:
    """A disk (ext4) with the files of a folder."""
    size = sum(f.lstat().st_size // 4096 + 2 for f in folder.rglob("*")) * 4096 * 11 // 10
    plain = ["-q", "-t", "ext4", "-O", "^has_journal,^metadata_csum", "-m", "0"]
    tool = shutil.which("mke2fs", path=os.environ["PATH"] + ":/sbin:/usr/sbin")
    assert tool is not None, "mke2fs is missing"
    subprocess.run([tool, *plain, "-d", folder, to, f"{(size >> 20) + spare}M"], check=True, stdout=subprocess.DEVNULL)


def root_disc(debs: Path, to: Path) -> None:
    """The guest's root: this Python, the packages, and the libraries of this machine that they need."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in ("bin", "proc", "sys", "dev", "tmp", "work", "lib64"):
            (root / folder).mkdir()
        shutil.copy(debs / "bin/busybox", root / "bin")
        for applet in ("sh", "env", "cp", "ls", "cat"):
            (root / "bin" / applet).symlink_to("busybox")
        program = Path(sys.executable).resolve()
        library, site = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
        unused = shutil.ignore_patterns("test", "tests", "site-packages", "config-*", "idlelib", "ensurepip", "tkinter")
        shutil.copytree(library, root / library.relative_to("/"), ignore=unused, symlinks=True)
        found = [program]
        for item in [*PACKAGES.split(), *(f.name for f in site.glob("*.dist-info"))]:
            source, place = site / item, root / (site / item).relative_to("/")
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("test", "data"), dirs_exist_ok=True)
                found += source.rglob("*.so*")
            elif source.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, place)
        found += library.rglob("*.so")
        for file in {program, *_needed(found)}:
            place = root / file.relative_to("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        disk(root, to)


def _needed(programs: Sequence[Path]) -> set[Path]:
    """The libraries that the dynamic linker would load, itself among them, less those that lie with the packages."""
    told = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    return {Path(path) for path in re.findall(r"(?:=> |^\t)(/\S+) \(0x", told, re.MULTILINE)}


def work_disc(command: str, files: Sequence[Path], to: Path) -> None:
    """This tree, the files, and the command as a script."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for part in ("src", "tests", "benchmarks"):
            shutil.copytree(TREE / part, work / part, ignore=shutil.ignore_patterns("results"))
        for file in (TREE / "pyproject.toml", *files):
            shutil.copy(file, work)
        site = sysconfig.get_path("purelib")
        (work / "main.sh").write_text(
            f"export PATH=/bin HOME=/tmp LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONPATH=/work/src:/work:{site}\n"
            f'python() {{ {Path(sys.executable).resolve()} "$@"; }}\ncd /work\n{command}\n'
        )
        disk(work, to)


def run(bochs: Path, machine: str, folder: Path, seconds: float) -> int:
    """Start the machine, print what comes over its serial line, and give the command's exit status."""
    serial, setup = folder / "serial", folder / "bochsrc"
    serial.write_bytes(b"")
    setup.write_text(machine)
    process = subprocess.Popen(
        ["nice", bochs, "-q", "-f", setup],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    text, end = b"", time.monotonic() + seconds
    try:
        while (status := re.search(rb"guest: exit (\d+)", text)) is None:
            if process.poll() is not None or time.monotonic() > end:
                return 1
            time.sleep(0.2)
            new = serial.read_bytes()[len(text) :]
            text += new
            sys.stdout.write(new.decode(errors="replace").replace("\r", ""))
            sys.stdout.flush()
        return int(status[1])
    finally:
        process.kill()
        process.wait()


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--debs", type=Path, required=True, help="folder of Debian packages")
    ask.add_argument("--bochs", type=Path, required=True, help="the program, built as README.md says")
    ask.add_argument("--keep", type=Path, default=None, help="folder for what need not be made anew by the next run")
    ask.add_argument("--file", type=Path, action="append", default=[], help="a file to take along; may be repeated")
    ask.add_argument("--cpus", type=int, default=1)
    ask.add_argument("--seconds", type=float, default=1800.0, help="how long at most")
    ask.add_argument("command", nargs="+")
    wish = ask.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, keep = Path(name), Path(wish.keep or name).resolve()
        keep.mkdir(parents=True, exist_ok=True)
        debs, boot, root = keep / "debs", keep / "boot.iso", keep / "root.img"
        if not debs.exists():
            for package in wish.debs.glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, debs], check=True)
        if not boot.exists():
            boot_disc(debs, boot)
        if not root.exists():
            root_disc(debs, root)
        work_disc(" ".join(wish.command), wish.file, folder / "work.img")
        machine = MACHINE.format(
            cpus=wish.cpus, debs=debs, boot=boot, root=root, work=folder / "work.img", serial=folder / "serial"
        )
        return run(wish.bochs, machine, folder, wish.seconds)


if __name__ == "__main__":
    sys.exit(main())
