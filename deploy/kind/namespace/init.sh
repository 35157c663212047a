#!/bin/sh
# usage: init.sh DIRECTORY
# First process of the namespaces that hold.sh makes: arranges them, says so in DIRECTORY/ready, then only reaps.
set -eu
directory=$1

# The control groups of this machine, seen from ours as the root.
awk '$3 == "cgroup" || $3 == "cgroup2" { print $3, $2, $4 }' /proc/mounts >"$directory/cgroups"
while read -r type hierarchy options; do
	umount "$hierarchy"
	if [ "$type" = cgroup2 ]; then
		mount -t cgroup2 cgroup2 "$hierarchy"
		if [ "$hierarchy" = /sys/fs/cgroup ]; then
			# Version 2 only: a group with processes cannot hand controllers to groups below it.
			mkdir -p /sys/fs/cgroup/init
			for process in $(cat /sys/fs/cgroup/cgroup.procs); do
				echo "$process" >/sys/fs/cgroup/init/cgroup.procs || true
			done
			for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
				echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
			done
		fi
	else
		controllers=$(echo "$options" | tr , '\n' | grep -Ev '^(rw|ro|nosuid|nodev|noexec|relatime|seclabel)$' | paste -sd ,)
		mount -t cgroup -o "$controllers" cgroup "$hierarchy"
	fi
done <"$directory/cgroups"

# Sockets and locks of the engine are not those of an engine that the machine may have.
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -p /run/lock /run/netns

mkdir -p "$directory/storage" /var/lib/containers
mount --bind "$directory/storage" /var/lib/containers
mkdir -p /var/lib/containers/run
mount -t tmpfs tmpfs /var/lib/containers/run
mount --bind "$directory/etc" /etc/containers

if [ ! -d /lib/modules ]; then
	# kind mounts it into every node. Here it is on an overlay that only these namespaces see.
	lib=$(readlink -f /lib)
	mkdir -p "$directory/lib/upper" "$directory/lib/work"
	mount -t overlay overlay -o "lowerdir=$lib,upperdir=$directory/lib/upper,workdir=$directory/lib/work" "$lib"
	mkdir -p "$lib/modules"
fi

ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward

: >"$directory/ready"
exec catatonit -P
