#!/usr/bin/env bash
# Checks and measures the GPU backend on a machine with an NVIDIA GPU.
#   gpu-check.sh [--out DIR] [--only PATTERN] [--no-bench] [--scratch DIR]
#   gpu-check.sh --emulator [--out DIR] [--only PATTERN]
#   gpu-check.sh --bundle DIR [--arch sm_NN,...] [--only PATTERN]
#
# The first form runs the conformance suite and the end-to-end tests on the driver
# `cuda`, measures, and leaves DIR/gpu-check.json and DIR/gpu-check.md (DIR is
# gpu-check-results without --out). It exits with 1 if a check fails, and with 77,
# saying why, where no GPU can be used. --emulator runs the same checks on the
# driver `gpu-emulator`, and measures nothing. --only takes the checks and models
# whose names match a pattern of the shell ('q35*').
#
# The tests compare with what the CPU backend computed on the machine that compiled
# them. Models that are measured have random weights, which moe-fill makes where
# they are measured, in the folder --scratch (DIR of --out): up to 25 GB.
#
# --bundle packs all that into a folder, for a machine that has nothing but bash,
# coreutils, awk, gzip and perhaps a C++20 compiler: copy the folder and run
# scripts/gpu-check.sh in it. Programs are carried, and built there (build-runtime.sh)
# if those do not start. Run elsewhere than in a bundle, the script makes one in DIR
# first. Needs ./scripts/build.sh. --arch is moe-compile --gpu-arch (sm_80).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
arguments() { sed -n '3,5s/^# *//p' "${BASH_SOURCE[0]}"; }
fail() {
  echo "error: $*" >&2
  exit 1
}

device=cuda
out=$PWD/gpu-check-results
bundle=
only='*'
bench=1
scratch=
arch=sm_80
while [[ $# -gt 0 ]]; do
  case $1 in
  --emulator) device=gpu-emulator bench=0 ;;
  --no-bench) bench=0 ;;
  --out | --only | --scratch | --bundle | --arch)
    [[ $# -gt 1 ]] || fail "command line: $1 needs a value"
    case $1 in
    --out) out=$2 ;;
    --only) only=$2 ;;
    --scratch) scratch=$2 ;;
    --bundle) bundle=$2 ;;
    --arch) arch=$2 ;;
    esac
    shift
    ;;
  -h | --help)
    arguments
    exit 0
    ;;
  *) fail "command line: unknown argument $1" ;;
  esac
  shift
done
matches() { # shellcheck disable=SC2053 # a pattern is wanted
  [[ $1 == $only ]]
}

#=== What is compiled ==========================================================

tool() { echo "${MOE_BUILD:-$root/build}/bin/$1"; }

# The part of a JSON object in one line that stands behind a name: a list or a word.
field() { # NAME < json
  sed -n -e 's/.*"'"$1"'":\[\([^]]*\)\].*/\1/p' -e 't' -e 's/.*"'"$1"'":\([^][,}]*\).*/\1/p'
}
sum() { sha256sum "$1" | cut -d' ' -f1; }

# One module of tiny-moe, what the CPU computes with the same flags, and the checks:
# a line "name <tab> module <tab> where <tab> field <tab> expected <tab> arguments".
# `where` is `any`, or `gpu` for what takes the emulator long.
checks() { # DIR NAME "FLAGS of moe-compile" "FLAGS of moe-run on the GPU"
  local dir=$1 name=$2 flags=$3 more=$4 cpu prompt long kind where tokens run said
  matches "$name" || return 0
  echo "compiling $name" >&2
  cpu=$dir/$name.cpu
  # shellcheck disable=SC2086 # flags are words
  "$(tool moe-compile)" "$root/models/tiny-moe" $flags -o "$cpu" >/dev/null
  # shellcheck disable=SC2086
  "$(tool moe-compile)" "$root/models/tiny-moe" --target=gpu "--gpu-arch=$arch" \
    $flags -o "$dir/modules/$name.moe" >/dev/null
  prompt=$("$(tool moe-run)" "$cpu" -p "Story: Once upon a time" -n 1 --json | field prompt_tokens)
  long=$("$(tool moe-run)" "$cpu" -p "$(head -c 700 "$root/models/tiny-moe/goldens/heldout.txt")" \
    -n 1 --json | field prompt_tokens)
  for kind in tokens exact long; do
    where=any tokens=$prompt
    [[ $kind != long ]] || tokens=$long
    if [[ $kind == tokens ]]; then
      run="--tokens $tokens -n 24 --ignore-eos"
      # Where fast sums decide who leaves, other tokens may.
      [[ $name != *exits* ]] || run+=" --exact"
      # shellcheck disable=SC2086
      said=$("$(tool moe-run)" "$cpu" $run --json)
      echo "$name-tokens	$name	$where	tokens	$(field tokens <<<"$said")	$run $more"
      [[ $name != *exits* ]] ||
        echo "$name-layers	$name	gpu	average_layers	$(field average_layers <<<"$said")	$run $more"
    else
      run="--tokens $tokens --exact"
      # shellcheck disable=SC2086
      "$(tool moe-run)" "$cpu" $run --logits "$dir/logits.npy" --json >/dev/null
      echo "$name-$kind	$name	$where	logits	$(sum "$dir/logits.npy")	$run $more"
    fi
  done
  rm -f "$cpu" "$dir/logits.npy"
}

all_checks() { # DIR
  checks "$1" bf16 "" ""
  checks "$1" q8 "--quantize=q8" ""
  checks "$1" q35 "--quantize=q35" ""
  checks "$1" q35-exits "--quantize=q35 --exit-policy=margin --exit-threshold=0.5" ""
  checks "$1" q35-prefetch "--quantize=q35 --predictor=cross-layer-gate" "--device-memory=50% --prefetch=on"
}

# A Python with numpy, which checkpoints without weights are written with.
python() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    ! "$candidate" -c "import numpy" 2>/dev/null || break
  done
  "$candidate" "$@"
}

# Models without weights, to measure.
models() { # DIR
  local name shape layers scheme
  while read -r name shape layers scheme; do
    matches "$name" || continue
    echo "compiling $name" >&2
    python "$root/benchmarks/gpu_shapes.py" "$1/hollow" "$shape" "{\"layers\": $layers}" >/dev/null
    "$(tool moe-compile)" "$1/hollow" --target=gpu "--gpu-arch=${arch%,emulator}" --no-weights \
      "--quantize=$scheme" -o "$1/modules/$name.hollow" >/dev/null
    rm -rf "$1/hollow"
  done <<-END
	olmoe-q35 olmoe 16 q35
	olmoe-bf16 olmoe 16 none
	mixtral-q35 mixtral 32 q35
	mixtral-8-layers-q35 mixtral 8 q35
	mixtral-8-layers-bf16 mixtral 8 none
	END
}

conformance() { # DIR: the code that the suite runs on each driver
  sed -n 's/^MOERT_CONFORMANCE_CODE(\([a-z_-]*\), "\(.*\)")$/\1 \2/p' \
    "${MOE_BUILD:-$root/build}/runtime/cts/ConformanceCode.def" |
    while read -r name file; do cp "$file" "$1/conformance/$name.so"; done
}

#=== The bundle ================================================================

# Headers that the runtime needs of others, for compilers without them.
headers() { # DIR
  local include=/usr/include
  mkdir -p "$1/include" "$1/lib"
  cp -rL "$include/flatbuffers" "$include/nlohmann" "$include/CLI" "$include/gtest" "$1/include"
  cp -L "$include/xxhash.h" "${MOE_BUILD:-$root/build}/runtime/schema/module_generated.h" "$1/include"
  for library in libgtest.a libgtest_main.a; do
    cp -L "$(g++ -print-file-name=$library)" "$1/lib"
  done
}

pack() { # DIR
  local dir=$1
  mkdir -p "$dir/scripts" "$dir/modules" "$dir/conformance" "$dir/benchmarks" "$dir/tools"
  dir=$(cd "$dir" && pwd)
  cp "$root"/scripts/{gpu-check,build-runtime}.sh "$dir/scripts"
  cp "$root/benchmarks/gpu_limits.cpp" "$dir/benchmarks"
  cp -r "$root/tools/moe-run" "$root/tools/moe-fill" "$dir/tools"
  mkdir -p "$dir/runtime"
  (cd "$root/runtime" && tar cf - --exclude=test --exclude=fuzz --exclude=lpu --exclude=machines \
    CMakeLists.txt include schema src drivers cli fill cts) | (cd "$dir/runtime" && tar xf -)
  headers "$dir"
  conformance "$dir"
  all_checks "$dir" >"$dir/checks.tsv"
  [[ $bench == 0 ]] || models "$dir"
  echo "building the runtime" >&2
  build "$dir"
  (cd "$dir" && git -C "$root" log -1 --format='%H %cI' >version 2>/dev/null) || echo unknown >"$dir/version"
  gzip -9f "$dir"/modules/*
  local size
  size=$(du -sk "$dir" | cut -f1)
  echo "$dir: $((size / 1024)) MiB" >&2
  [[ $size -lt 61440 ]] || fail "$dir: has $size KiB, at most 61440 are wanted"
}

# Programs of the bundle, by a compiler of this machine.
build() { # DIR
  local dir=$1
  (cd "$dir" && ./scripts/build-runtime.sh -o "$dir/objects" --cts)
  mkdir -p "$dir/bin"
  cp "$dir"/objects/{moe-run,moe-fill,moert_cts,gpu-limits} "$dir/bin"
  # The compiler's own, which may be missing elsewhere.
  cp -L "$(${CXX:-g++} -print-file-name=libgomp.so.1)" "$dir/lib" 2>/dev/null || true
  rm -rf "$dir/objects"
}

if [[ -n $bundle ]]; then
  arch=$arch,emulator
  pack "$bundle"
  exit 0
fi

#=== On the machine with the GPU ===============================================

mkdir -p "$out"
out=$(cd "$out" && pwd)
scratch=${scratch:-$out}
home=$root
if [[ ! -f $root/checks.tsv ]]; then # a build tree: its own programs
  [[ $device == cuda ]] || arch=emulator
  home=$out/bundle
  mkdir -p "$home/modules"
  all_checks "$home" >"$home/checks.tsv"
  [[ $bench == 0 ]] || models "$home"
  bin=${MOE_BUILD:-$root/build}/bin
else
  bin=$home/bin
  for file in "$home"/modules/*.gz; do
    [[ ! -f $file || -f ${file%.gz} ]] || gzip -dk "$file"
  done
  export LD_LIBRARY_PATH=$home/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  if ! "$bin/moe-run" --version >/dev/null 2>&1; then
    echo "the programs that were carried do not start here, so they are built" >&2
    build "$home"
  fi
fi
# Conformance code is named from where the bundle lies.
cd "$home"

if [[ $device == cuda ]]; then
  listed=$("$bin/moe-run" --list-devices --json | sed 's/},{/}\n{/g' | grep '"driver":"cuda"' || true)
  if [[ $(field available <<<"$listed") != true ]]; then
    echo "gpu-check: no GPU: $(sed -n 's/.*"detail":"\([^"]*\)".*/\1/p' <<<"$listed")"
    exit 77
  fi
fi

results=() # JSON objects
rows=()    # of the table
passed=0
failed=0
quote() { # a JSON string of a line
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  printf '"%s"' "${text//[$'\t\r\n']/ }"
}
report() { # NAME pass|fail SECONDS DETAIL
  if [[ $2 == pass ]]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  printf '%-24s %s%s\n' "$1" "$2" "${4:+: $4}"
  results+=("{\"name\":$(quote "$1"),\"result\":\"$2\",\"seconds\":$3,\"detail\":$(quote "$4")}")
  rows+=("| $1 | $2 | $3 | ${4//|/ } |")
}
since() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.2f", b - a }'; }

run_conformance() {
  local start log detail
  matches conformance || return 0
  [[ -x $bin/moert_cts ]] || return 0
  start=$(date +%s.%N)
  log=$out/conformance.log
  if timeout 900 "$bin/moert_cts" "--gtest_filter=*${device//-/_}_*:*${device}_*" >"$log" 2>&1 &&
    ! grep -q SKIPPED "$log" && grep -q '\[ *PASSED *\] [1-9]' "$log"; then
    report conformance pass "$(since "$start")" "$(sed -n 's/.*\[ *PASSED *\] //p' "$log")"
  else
    detail=$(grep -m1 -A1 -E 'Failure|SKIPPED' "$log" | tr '\n' ' ' || true)
    report conformance fail "$(since "$start")" "${detail:-see conformance.log}"
  fi
}

# moe-run, which may hang on a device; `refused` says why it failed.
run() {
  local code=0
  timeout 900 "$bin/moe-run" "$@" 2>"$out/stderr" || code=$?
  [[ $code != 124 ]] || echo "error: ended after 900 s" >"$out/stderr"
  return $code
}
refused() { head -n1 "$out/stderr"; }

# Output of the device beside what the CPU backend recorded.
run_check() { # NAME MODULE FIELD EXPECTED ARGUMENTS...
  local name=$1 module=modules/$2.moe what=$3 expected=$4 start said
  shift 4
  start=$(date +%s.%N)
  local logits=()
  [[ $what != logits ]] || logits=(--logits "$out/logits.npy")
  if ! said=$(run "$module" "--device=$device" "$@" "${logits[@]}" --json); then
    report "$name" fail "$(since "$start")" "$(refused)"
    return
  fi
  if [[ $what == logits ]]; then said=$(sum "$out/logits.npy"); else said=$(field "$what" <<<"$said"); fi
  if [[ $device == gpu-emulator && $what == tokens ]]; then
    expected=${expected:0:${#said}} # fewer were asked for
  fi
  if [[ $said == "$expected" ]]; then
    report "$name" pass "$(since "$start")" ""
  else
    report "$name" fail "$(since "$start")" "$what $said, the CPU has $expected"
  fi
}

run_checks() {
  local name module where what expected arguments
  while IFS=$'\t' read -r name module where what expected arguments; do
    matches "$module" || continue
    if [[ $device == gpu-emulator ]]; then
      [[ $where == any ]] || continue
      arguments=${arguments/-n 24/-n 4}
    fi
    # shellcheck disable=SC2086 # arguments are words
    run_check "$name" "$module" "$what" "$expected" $arguments
  done <checks.tsv
}

limits={}
measured=() # JSON objects
speeds=()   # rows of the table

# `value` of awk over the fields of a result, as a number.
compute() { awk "BEGIN { x = $1; if (x != x) x = 0; printf \"%.6g\", x }"; }

run_benchmark() { # NAME FILE
  local name=$1 module=$scratch/$1.moe size free result decode prefill bytes operations
  size=$("$bin/moe-fill" "$2" --size)
  free=$(df -Pk "$scratch" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
  if [[ $size -gt $free ]]; then
    echo "$name: skipped, $scratch has $free bytes free, $size are needed" >&2
    return
  fi
  local start
  start=$(date +%s.%N)
  if "$bin/moe-fill" "$2" -o "$module" && result=$(run "$module" --device=cuda --bench \
    --pp 512 --tg 256 --reps 5 -c 1024 --no-verify --json); then
    decode=$(field decode_tokens_per_second <<<"$result")
    prefill=$(field prefill_tokens_per_second <<<"$result")
    bytes=$(field active_bytes_per_token <<<"$result")
    operations=$(field operations_per_prefill_token <<<"$result")
    local copy peak of_copy of_peak
    copy=$(field copy_bytes_per_second <<<"$limits")
    peak=$(field mma_bf16_operations_per_second <<<"$limits")
    of_copy=$(compute "$decode * $bytes / ${copy:-1}")
    of_peak=$(compute "$prefill * $operations / ${peak:-1}")
    report "speed-$name" pass "$(since "$start")" ""
    measured+=("{\"name\":\"$name\",\"decode_of_copy_bandwidth\":$of_copy,\"prefill_of_mma_peak\":$of_peak,\"bench\":$result}")
    speeds+=("| $name | $(compute "$size / 1e9") | $(compute "$decode") | $of_copy | $(compute "$prefill") | $(compute "$prefill * $operations / 1e12") | $of_peak |")
  else
    report "speed-$name" fail "$(since "$start")" "$(refused)"
  fi
  rm -f "$module"
}

run_benchmarks() {
  local file name
  if ! limits=$("$bin/gpu-limits"); then
    report limits fail 0 "gpu-limits failed"
    limits={}
  fi
  for file in modules/*.hollow; do
    name=$(basename "$file" .hollow)
    ! matches "$name" || run_benchmark "$name" "$file"
  done
}

run_conformance
run_checks
[[ $bench == 0 ]] || run_benchmarks

join() {
  local IFS=,
  echo "$*"
}
cat >"$out/gpu-check.json" <<END
{"date":"$(date -u +%FT%TZ)","version":$(quote "$(cat version 2>/dev/null || echo unknown)"),"driver":"$device","limits":$limits,"passed":$passed,"failed":$failed,"checks":[$(join "${results[@]}")],"benchmarks":[$(join "${measured[@]}")]}
END
{
  echo "| check | result | seconds | |"
  echo "| --- | --- | ---: | --- |"
  printf '%s\n' "${rows[@]}"
  if [[ ${#speeds[@]} -gt 0 ]]; then
    echo
    echo "Limits: $limits"
    echo
    echo "| model | GB | decode, tokens/s | of the copy bandwidth | prefill of 512, tokens/s | TFLOP/s | of the peak of mma.sync |"
    echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    printf '%s\n' "${speeds[@]}"
  fi
} >"$out/gpu-check.md"
rm -f "$out/logits.npy" "$out/stderr"
echo "gpu-check: $passed passed, $failed failed; $out/gpu-check.json, gpu-check.md"
[[ $failed == 0 && $passed -gt 0 ]]
