#!/usr/bin/env bash
# Installs what building and testing need, on Debian 12 or 13, as root or with
# sudo. Does nothing, and asks for nothing, when all of it is there.
set -euo pipefail

packages=(
  # compiler, linker, MLIR, sanitizer and fuzzer runtimes, OpenMP
  clang-22 lld-22 llvm-22-dev llvm-22-tools mlir-22-tools libmlir-22-dev
  liblld-22-dev libclang-rt-22-dev libomp-22-dev
  # build
  ccache cmake ninja-build
  # libraries
  flatbuffers-compiler libflatbuffers-dev libcli11-dev libicu-dev libonig-dev
  liburing-dev libxxhash-dev nlohmann-json3-dev zlib1g-dev libzstd-dev
  # tests (the browser looks at pages of moe-run --exit-report)
  chromium-headless-shell libgmock-dev libgtest-dev python3 python3-numpy
  python3-psutil util-linux z3
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "error: install-deps.sh: needs Debian 12 or 13 (no apt-get); missing: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "error: install-deps.sh: not root and no sudo; missing: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "installing ${#missing[@]} packages: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -qq &&
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "error: install-deps.sh: apt-get failed (its last lines are above)" >&2
  exit 1
fi
