#!/bin/sh
# usage: enter.sh CGROUP PROCESS DIRECTORY COMMAND...
# Runs a command in the namespaces and the control groups of the engine whose first process is PROCESS.
set -eu
cgroup=$1
process=$2
directory=$3
shift 3
for hierarchy in $(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts); do
	if [ -d "$hierarchy/$cgroup/init" ]; then
		echo $$ >"$hierarchy/$cgroup/init/cgroup.procs"
	else
		echo $$ >"$hierarchy/$cgroup/cgroup.procs"
	fi
done
exec nsenter --target "$process" --cgroup --ipc --mount --net --pid --uts --wd="$directory" -- "$@"
