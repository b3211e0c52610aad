#!/usr/bin/env bash
# Configures and builds everything: build.sh [preset], presets as in
# CMakePresets.json (release, dev, asan).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${1:-release}
configure_log=$(mktemp)
trap 'rm -f "$configure_log"' EXIT
if ! cmake --preset "$preset" >"$configure_log" 2>&1; then
  cat "$configure_log" >&2
  exit 1
fi
cmake --build --preset "$preset"
