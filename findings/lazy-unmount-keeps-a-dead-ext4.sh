#!/usr/bin/env bash
# An ext4 that was shut down (EXT4_IOC_SHUTDOWN, as after a lost disk) is unmounted lazily while a process has a file of it open,
# and mounted again. Guessed: mount(8) mounts the image anew, journal replay and all, and the old instance is the open file's alone.
# Seen (util-linux 2.38.1, e2fsprogs 1.47.0, Linux 6.18): mount exits 0 and brings back the very instance that is dead: mount(8)
# finds the loop device that still backs the image, the kernel finds the superblock that the open descriptor keeps, and hands that
# out. /proc/self/mounts has "shutdown" among the options; reads and writes answer EIO. Once the descriptor is closed and the mount
# is gone, the same two commands give a healthy file system. Who repairs a brick has to end its processes before umount, and must
# not take an exit code of 0 for a repair.
# Exit code 0: as described. Needs root, loop devices, apt-get; leaves nothing behind.
set -euo pipefail
[ -n "${INSIDE:-}" ] || INSIDE=1 exec unshare -m --propagation private bash "$0"
work=$(mktemp -d)
trap 'umount "$work/mnt" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq e2fsprogs=1.47.0-2+b2 mount=2.38.1-5+deb12u3 >/dev/null
for package in *.deb; do dpkg -x "$package" packages; done
PATH=$work/packages/sbin:$work/packages/bin:$PATH
mkdir mnt
truncate -s 64M image
mkfs.ext4 -q -F image
mount -o loop image mnt
echo content > mnt/file
sync
exec 7< mnt/file
python3 - <<'PYTHON'
import array, fcntl, os
folder = os.open("mnt", os.O_RDONLY)
fcntl.ioctl(folder, 0x8004587D, array.array("I", [2]))  # EXT4_IOC_SHUTDOWN, without flushing the log
PYTHON
umount -l mnt
mount -o loop image mnt
echo "mounted again: $(grep " $work/mnt " /proc/self/mounts)"
grep " $work/mnt " /proc/self/mounts | grep -q shutdown || { echo "changed: the new mount is not the dead instance"; exit 1; }
if echo more > mnt/other; then echo "changed: the file system can be written"; exit 1; fi
exec 7<&-
umount mnt
mount -o loop image mnt
[ "$(cat mnt/file)" = content ] || { echo "changed: the image is not healthy after the descriptor was closed"; exit 1; }
echo "as described: dead while a descriptor of the old instance is open, healthy after it"
