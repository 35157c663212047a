#!/bin/sh
# usage: machine.sh ROOTFS DIRECTORY
# First process of a machine: a network, mount and process namespace. Gives it a root of its own over ROOTFS, says so,
# and stays until standard input ends, which it does when the test ends, however it ends. All processes of the machine,
# its mounts and its network go with it.
set -eu
rootfs=$1
directory=$2
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs "$directory"
mkdir "$directory/upper" "$directory/work" "$directory/root"
root=$directory/root
mount -t overlay overlay -o "lowerdir=$rootfs,upperdir=$directory/upper,workdir=$directory/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" sh -c 'echo ready; exec cat >/dev/null'
