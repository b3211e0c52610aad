#!/usr/bin/env bash
# Builds the runtime with a C++20 compiler and nothing else: no CMake, no flatc,
# no Oniguruma, no ICU. For machines that only run modules.
#   build-runtime.sh [-o OUT] [--cts]
# Makes OUT/moe-run, OUT/moe-fill and OUT/gpu-limits (OUT is build-runtime without
# -o), with --cts also OUT/moert_cts. Without a tokenizer, moe-run takes --tokens and no text, and
# has no driver for the LPU. CXX names the compiler (g++), CXXFLAGS adds to its
# flags, JOBS says how many run at once.
#
# Headers of FlatBuffers, nlohmann-json, CLI11 and xxhash, module_generated.h, and
# for --cts GoogleTest, are taken from `include` and `lib` beside `scripts` where
# those hold them (a bundle of gpu-check.sh does), else from the system's folders;
# flatc makes module_generated.h where it is missing.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$PWD/build-runtime
cts=0
while [[ $# -gt 0 ]]; do
  case $1 in
  -o)
    [[ $# -gt 1 ]] || { echo "error: command line: -o needs a folder" >&2; exit 1; }
    out=$2
    shift
    ;;
  --cts) cts=1 ;;
  *)
    echo "error: command line: unknown argument $1" >&2
    exit 1
    ;;
  esac
  shift
done
cxx=${CXX:-g++}
jobs=${JOBS:-$(nproc)}
if ! command -v "${cxx%% *}" >/dev/null; then
  echo "error: $cxx: no such compiler; CXX names another" >&2
  exit 1
fi
mkdir -p "$out/objects" "$out/generated"
out=$(cd "$out" && pwd)
cd "$root"
generated=$out/generated

# What CMake generates.
list() { # MACRO names... > a table
  local macro=$1 name
  shift
  for name in "$@"; do echo "$macro($name)"; done
}
# A driver's folder, and the name under which it registers.
folders=()
names=()
for file in runtime/drivers/*/CMakeLists.txt; do
  name=$(sed -n 's/^ *moert_add_driver(\([a-z_]*\).*/\1/p' "$file")
  [[ -n $name && $name != lpu ]] || continue
  names+=("$name")
  folders+=("$(dirname "$file")")
done
mapfile -t names < <(printf '%s\n' "${names[@]}" | LC_ALL=C sort)
list MOERT_DRIVER "${names[@]}" >"$generated/Drivers.def"
policies=()
for file in runtime/src/cache/policies/*.cpp; do
  name=$(basename "$file" .cpp)
  policies+=("${name,,}")
done
list MOERT_CACHE_POLICY "${policies[@]}" >"$generated/CachePolicies.def"
{
  page=runtime/cli/ExitReport
  for part in "page $page/page.html" "style $page/page.css" \
    "script $page/base.js $page/charts.js $page/page.js"; do
    read -r name files <<<"$part"
    echo "constexpr std::string_view $name ="
    for file in $files; do
      printf '    R"moe-page('
      cat "$file"
      printf ')moe-page"\n'
    done
    echo "    ;"
  done
} >"$generated/ExitReportPage.inc"
if [[ ! -f include/module_generated.h ]]; then
  flatc --cpp --scoped-enums -o "$generated" runtime/schema/module.fbs
fi

# Which flags there are.
flags=(-std=c++20 -O2 -ffp-contract=off -pthread -w
  "-DMOERT_VERSION=\"$(sed -n 's/^project(moert VERSION \([0-9.]*\).*/\1/p' runtime/CMakeLists.txt)\""
  -isystem include -I "$generated" -I runtime/include -I runtime/src -I runtime/cli -I runtime/fill -I runtime/cts)
link=(-pthread -ldl)
accepts() { # flags...: whether the compiler makes programs with them
  echo 'int main() {}' >"$out/try.cpp"
  $cxx "$@" "$out/try.cpp" -o "$out/try" >/dev/null 2>&1
}
if ! accepts -std=c++20; then
  echo "error: $cxx: makes no programs of C++20" >&2
  exit 1
fi
if accepts -fopenmp; then
  flags+=(-fopenmp)
  link+=(-fopenmp)
else
  echo "note: $cxx has no OpenMP, so the host computes on one thread" >&2
fi
# What the compiler itself brings travels with the programs where it can.
if accepts -static-libstdc++ -static-libgcc; then link+=(-static-libstdc++ -static-libgcc); fi
# Each program has only what it uses.
if accepts -ffunction-sections -Wl,--gc-sections -s; then
  flags+=(-ffunction-sections -fdata-sections)
  link+=("-Wl,--gc-sections" -s)
fi
read -ra more <<<"${CXXFLAGS:-}"
flags+=("${more[@]}")

# One object for each source: "source flags...".
mapfile -t sources < <(
  find runtime/src -name '*.cpp' ! -path 'runtime/src/tokenizer/*' ! -path 'runtime/src/lpu/*'
  echo runtime/src/tokenizer/None.cpp
  echo runtime/drivers/Drivers.cpp
  find "${folders[@]}" -name '*.cpp' ! -path '*/test/*'
  find runtime/cli runtime/fill -name '*.cpp'
)
mains=(tools/moe-run/moe-run.cpp tools/moe-fill/moe-fill.cpp benchmarks/gpu_limits.cpp)
suite=()
if [[ $cts == 1 ]]; then
  for folder in "${folders[@]}"; do
    [[ ! -f $folder/expectations.def ]] || cat "$folder/expectations.def"
  done >"$generated/Expectations.def"
  # Where the conformance code of each driver lies, seen from where the suite runs.
  for file in conformance/*.so; do
    [[ ! -f $file ]] || echo "MOERT_CONFORMANCE_CODE($(basename "$file" .so), \"$file\")"
  done >"$generated/ConformanceCode.def"
  mapfile -t suite < <(find runtime/cts -name '*.cpp')
fi
export out cxx
printf '%s\0' "${flags[@]}" >"$out/flags"
compile() {
  local source=$1 object
  object=$out/objects/${source//\//_}.o
  mapfile -d '' -t flags <"$out/flags"
  local folder
  folder=$(dirname "$source")
  while [[ $folder == runtime/drivers/*/* ]]; do folder=$(dirname "$folder"); done
  [[ $folder != runtime/drivers/* ]] || flags+=(-I "$folder")
  if [[ $object -nt $source && $object -nt $out/flags.same ]]; then return; fi
  $cxx "${flags[@]}" -c "$source" -o "$object.part" && mv "$object.part" "$object"
}
export -f compile
if ! cmp -s "$out/flags" "$out/flags.same"; then cp "$out/flags" "$out/flags.same"; fi
# shellcheck disable=SC2016 # the inner shell expands
printf '%s\0' "${sources[@]}" "${mains[@]}" "${suite[@]}" |
  xargs -0 -P "$jobs" -I{} bash -c 'compile "$1"' - {}

objects() { for source in "$@"; do echo "$out/objects/${source//\//_}.o"; done; }
mapfile -t common < <(objects "${sources[@]}")
for main in "${mains[@]}"; do
  mapfile -t object < <(objects "$main")
  name=$(basename "$main" .cpp)
  $cxx "${object[@]}" "${common[@]}" "${link[@]}" -o "$out/${name//_/-}"
done
if [[ $cts == 1 ]]; then
  mapfile -t object < <(objects "${suite[@]}")
  $cxx "${object[@]}" "${common[@]}" -L lib -lgtest_main -lgtest "${link[@]}" -o "$out/moert_cts"
fi
