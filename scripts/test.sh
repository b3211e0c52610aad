#!/usr/bin/env bash
# Installs the packages, builds, and runs every test. Then says which tests were
# skipped and why. Ends with ctest's summary; returns its exit code.
#   test.sh [preset] [arguments of ctest]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=release
if [[ $# -gt 0 && $1 != -* ]]; then
  preset=$1
  shift
fi
build=build
[[ $preset == release ]] || build=build-$preset
./scripts/install-deps.sh
./scripts/build.sh "$preset"
log=$build/Testing/tests.log
mkdir -p "$build/Testing"
code=0
ctest --test-dir "$build" --output-on-failure --parallel "$(nproc)" "$@" </dev/null 2>&1 |
  tee "$log" || code=${PIPESTATUS[0]}
python3 test/utils/list_skipped.py "$build"
grep -E "tests passed, .* tests failed out of|No tests were found" "$log" || true
exit "$code"
