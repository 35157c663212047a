#!/bin/sh
# usage: hold.sh CGROUP DIRECTORY
# Makes the namespaces of one engine and stays until killed. Every process in them is in the control group CGROUP (or
# below it) of each hierarchy, so whoever wants to end them needs no other record; and all of them live in a process
# namespace whose first process dies with this one, so that nothing outlives it: no mount, no bridge, no container.
set -eu
cgroup=$1
directory=$2
scripts=$(dirname "$0")

for hierarchy in $(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts); do
	mkdir -p "$hierarchy/$cgroup"
	if [ -e "$hierarchy/cpuset.cpus" ]; then
		# A new cpuset is empty, and no process may enter an empty one.
		cat "$hierarchy/cpuset.cpus" >"$hierarchy/$cgroup/cpuset.cpus"
		cat "$hierarchy/cpuset.mems" >"$hierarchy/$cgroup/cpuset.mems"
	fi
	echo $$ >"$hierarchy/$cgroup/cgroup.procs"
done

exec unshare --cgroup --ipc --mount --net --pid --uts --propagation private --fork --kill-child=KILL --mount-proc \
	sh "$scripts/init.sh" "$directory"
