"""Runs a program in an emulator (Bochs) of an Intel Xeon with AMX, where this machine has none, and ends as it ends.

    emulated.py EMULATOR [--with FILE]... [--limit SECONDS] [--refuse PATTERN] PROGRAM [ARGUMENT]...

EMULATOR is the folder that .ci/emulator.sh made. The program runs in a folder which holds what --with names, on one processor; a line that it prints
and that --refuse matches fails it (a test that says that it did not run). The clock counts instructions, of which a product of tiles is one, so that its
times are no times.

Bochs lacks the trap at the first use of tiles (XFD), on which Linux makes room for them: it is told on the command line that there is one, so that the
permission is asked for and given, but a change of threads does not keep the tiles. The program therefore runs under SCHED_FIFO, which takes no
processor away from a thread that does not wait. Exits 77 without an emulator, and where the processor itself has AMX.
"""
import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
cd /work
echo '==== begin'
sh -c {command}
echo "==== ended $?"
while :; do sleep 60; done
"""
GRUB = """set timeout=0
menuentry x {
  linux /boot/vmlinuz console=ttyS0,115200 setcpuid=324 no5lvl nokaslr mitigations=off nosmp panic=-1
  initrd /boot/initrd
}
"""
BOCHS = """cpu: model=sapphire_rapids, count=1, ips=100000000, ignore_bad_msrs=1, reset_on_triple_fault=0
memory: guest=2048, host=2048
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path={work}/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={work}/console
display_library: rfb, options="timeout=0"
clock: sync=none
log: {work}/log
error: action=ignore
panic: action=fatal
"""


def libraries(program):
    """What the dynamic linker loads for it; nothing for a script."""
    found = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", found)


def make_disc(emulator, work, files, command):
    """A disc that boots into `command` with the files in its folder."""
    root = work / "root"
    for name in ("bin", "proc", "sys", "dev", "tmp", "work"):
        (root / name).mkdir(parents=True)
    shutil.copy(emulator / "bin/busybox", root / "bin/busybox")
    for file in files:
        (shutil.copytree if file.is_dir() else shutil.copy)(file, root / "work" / file.name)
    for library in {name for file in files if file.is_file() and os.access(file, os.X_OK) for name in libraries(file)}:
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library[1:])
    (root / "init").write_text(INIT.format(command=shlex.quote(command)))
    (root / "init").chmod(0o755)
    boot = work / "disc/boot"
    (boot / "grub").mkdir(parents=True)
    (boot / "grub/grub.cfg").write_text(GRUB)
    shutil.copy(emulator / "vmlinuz", boot / "vmlinuz")
    inside = "/" + str(work.relative_to(emulator))
    made = subprocess.run(["chroot", emulator, "sh", "-e", "-c", f"cd {inside}/root; find . | cpio -o -H newc --quiet | gzip -1 > ../disc/boot/initrd;"
                           f" cd ..; grub-mkrescue -o boot.iso disc -quiet"], capture_output=True, text=True)
    if made.returncode:
        raise SystemExit(f"no disc to boot from: {made.stderr}")
    return inside


def console(path, process, until):
    """The lines that the emulated machine prints, as it does, until it or the time ends."""
    at = 0
    while True:
        running = process.poll() is None and time.monotonic() < until
        text = path.read_bytes()[at:] if path.exists() else b""
        text = text if not running else text[:text.rfind(b"\n") + 1]
        at += len(text)
        yield from text.decode("utf-8", "replace").replace("\r", "").splitlines()
        if not running:
            return
        time.sleep(1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("emulator", type=pathlib.Path)
    arguments.add_argument("--with", dest="files", type=pathlib.Path, action="append", default=[])
    arguments.add_argument("--limit", type=float, default=3600)
    arguments.add_argument("--refuse", type=re.compile)
    arguments.add_argument("program", type=pathlib.Path)
    arguments.add_argument("rest", nargs=argparse.REMAINDER)
    given = arguments.parse_args()
    if "amx_bf16" in pathlib.Path("/proc/cpuinfo").read_text():
        print("skipped: this processor has AMX, and the tests ran on it")
        return 77
    if not (given.emulator / ".stamp").exists():
        print(f"skipped: no emulator; .ci/emulator.sh {given.emulator} makes one, as root")
        return 77
    emulator = given.emulator.resolve()
    # Its screen listens on a port, which nobody is to see.
    alone = ["unshare", "--net"] if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0 else []
    command = " ".join(map(shlex.quote, ["./chrt", "-f", "10", "./" + given.program.name, *given.rest]))
    with tempfile.TemporaryDirectory(dir=emulator / "tmp") as folder:
        work = pathlib.Path(folder)
        inside = make_disc(emulator, work, [given.program, pathlib.Path(shutil.which("chrt")), *given.files], command)
        (work / "bochsrc").write_text(BOCHS.format(work=inside))
        bochs = subprocess.Popen([*alone, "chroot", emulator, "bochs-bin", "-q", "-f", f"{inside}/bochsrc"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env={"PATH": os.environ["PATH"]})  # not MALLOC_PERTURB_, which ends it
        code, began, refused = None, False, []
        for line in console(work / "console", bochs, time.monotonic() + given.limit):
            ended = re.fullmatch(r"==== ended (\d+)", line)
            if ended:
                code = int(ended[1])
                break
            if began:
                print(line, flush=True)
                if given.refuse and given.refuse.search(line):
                    refused.append(line)
            began = began or line == "==== begin"
        bochs.kill()
        bochs.wait()
        if code is None:
            last = max((f for f in (work / "log", work / "console") if f.exists()), key=lambda f: f.stat().st_mtime)
            print(f"the emulated machine did not end the program; its {last.name} ends with")
            print("\n".join(last.read_text(errors="replace").splitlines()[-20:]))
            return 1
        for line in refused:
            print(f"refused: {line}")
    return code or int(bool(refused))


if __name__ == "__main__":
    sys.exit(main())
