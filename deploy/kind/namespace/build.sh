#!/bin/sh
# usage: build.sh DIRECTORY COMMAND...
# Runs one command of buildah with the settings in DIRECTORY/etc, in mount and process namespaces that end with it: what
# it mounts is never seen by the machine, and what it started does not outlive it.
set -eu
directory=$1
shift
mkdir -p "$directory/run" "$directory/storage"
exec unshare --mount --pid --propagation private --fork --kill-child=KILL --mount-proc sh -euc '
	directory=$1
	shift
	mount --bind "$directory/etc" /etc/containers
	# Counts of mounts are true only as long as the mounts are.
	mount -t tmpfs tmpfs "$directory/run"
	exec "$@"
' sh "$directory" "$@"
