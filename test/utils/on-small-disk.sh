#!/bin/sh
# on-small-disk.sh SIZE COMMAND...: runs the command (through sh -c) with a fresh
# tmpfs of SIZE bytes (like 1m) mounted at $SMALL_DISK. The mount is in a name
# space of its own, so nothing is left behind, whatever happens.
set -eu
size=$1
shift
SMALL_DISK=$(mktemp -d)
export SMALL_DISK
trap 'rmdir "$SMALL_DISK"' EXIT
unshare --mount sh -ec '
  mount -t tmpfs -o size="$1" moe "$SMALL_DISK"
  shift
  sh -c "$*"' sh "$size" "$@"
