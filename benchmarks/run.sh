#!/usr/bin/env bash
# Compiles a checkpoint and measures its speed: run.sh CHECKPOINT [arguments of
# moe-run --bench]. JSON goes to standard output. Needs ./scripts/build.sh.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [[ $# -lt 1 ]]; then
  echo "usage: run.sh CHECKPOINT [--pp N] [--tg N] [--reps N] [-t THREADS]" >&2
  exit 1
fi
checkpoint=$1
shift
work=$(mktemp -d "${TMPDIR:-$root/build}/bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$root/build/bin/moe-compile" "$checkpoint" -o "$work/module.moe" >&2
"$root/build/bin/moe-run" "$work/module.moe" --bench --json "$@"
