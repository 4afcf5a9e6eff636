#!/usr/bin/env bash
# An emulator (Bochs) of a processor with AMX, and a Linux for it, from Debian 13 into a folder of their own:
#   .ci/emulator.sh FOLDER     as root; a minute and 450 MB, once
# tests/emulated.py runs programs in it.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/lib.sh

[ $# = 1 ] || die "usage: .ci/emulator.sh FOLDER"
# bochs-term: some screen it must have, and that one brings no desktop's libraries.
packages=(bochs bochs-term busybox-static cpio grub-common grub-pc-bin mtools xorriso)
stamp="trixie ${packages[*]}"
[ "$(cat "$1/.stamp" 2>/dev/null)" = "$stamp" ] && exit 0
[ "$(id -u)" = 0 ] || die "the emulator is installed by debootstrap, which wants root"
command -v debootstrap >/dev/null || die "the emulator is installed by debootstrap, which is missing"

say "an emulator of a processor with AMX in $1"
mirror=$(apt-get indextargets --format '$(REPO_URI)' | sed -n '\,/debian/*$,p' | sort -u | head -n 1)
rm -rf "$1"
mkdir -p "$1"
within() { DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$@"; }
debootstrap --variant=minbase trixie "$1" ${mirror:+"$mirror"} >&2 || die "debootstrap could not install Debian 13"
source=$(sed -n 's/^deb \([^ ]*\) trixie .*/\1/p' "$1/etc/apt/sources.list" | head -n 1)
echo "deb $source trixie-backports main" >"$1/etc/apt/sources.list.d/backports.list"
within "$1" apt-get -q update >&2
within "$1" apt-get -q -y --no-install-recommends install "${packages[@]}" >&2
# The kernel's file alone, of what would install it: from 6.15 on one is told of a processor's features (setcpuid).
names=$(within "$1" apt-get -s -t trixie-backports --no-install-recommends install linux-image-cloud-amd64 |
  sed -n 's/^Inst \(linux-\(binary\|image\)-[0-9][^ ]*\).*/\1/p')
[ -n "$names" ] || die "no kernel among the backports of Debian 13"
within "$1" sh -c "cd /tmp && apt-get -q -t trixie-backports download $(tr '\n' ' ' <<<"$names") && for d in *.deb; do dpkg -x \$d kernel; done" >&2
find "$1/tmp/kernel" -name 'vmlinuz*' -type f -exec cp {} "$1/vmlinuz" \;
[ -s "$1/vmlinuz" ] || die "no kernel in $names"
rm -rf "$1"/tmp/* "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*
printf '%s' "$stamp" >"$1/.stamp"
