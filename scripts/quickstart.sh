#!/usr/bin/env bash
# From a fresh clone to generated text: installs the packages, builds, compiles
# the demo checkpoint into one module file, in 3.5 bits a weight, and runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./scripts/install-deps.sh
./scripts/build.sh
size=$(stat -c %s models/tiny-moe/model.safetensors)
printf 'models/tiny-moe: 16 bits per weight, %d.%d MB\n' $((size / 1000000)) $((size / 100000 % 10))
./build/bin/moe-compile models/tiny-moe --quantize=q35 -o build/tiny-moe.moe
echo
./build/bin/moe-run build/tiny-moe.moe -p "Story: Once upon a time" -n 100
