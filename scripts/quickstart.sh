#!/usr/bin/env bash
# From a fresh clone to generated text: installs the packages, builds, compiles
# the demo checkpoint into one module file and runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./scripts/install-deps.sh
./scripts/build.sh
./build/bin/moe-compile models/tiny-moe -o build/tiny-moe.moe
echo
./build/bin/moe-run build/tiny-moe.moe -p "Story: Once upon a time" -n 100
