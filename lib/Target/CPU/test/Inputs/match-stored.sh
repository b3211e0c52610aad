# match-stored.sh MODEL.mlir WORK COMPARE LEVELS SCHEMES...: kernels of stored weights
# against the reference evaluator; any instructions, threads and batch give the same
# bits.
set -eu
model=$1 work=$2 compare=$3 levels=$4
shift 4
tokens=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17
run() { moe-run "$1" --tokens "$2" -n 0 -t "$3" --logits "$4"; }
compile() { moe-compile "$model" --quantize="$scheme" --effort=fast -o "$@" 2> /dev/null; }
match() {
  scheme=$1
  rm -rf "$work" && mkdir -p "$work"
  moe-opt "$model" --pass-pipeline="builtin.module(moe.model(moe-assign-codes{scheme=$scheme}),moe-evaluate{effort=fast tokens=$tokens logits=$work/reference.npy})" > /dev/null
  compile "$work/m.moe"
  run "$work/m.moe" "$tokens" 1 "$work/one.npy"
  $compare "$work/one.npy" "$work/reference.npy" --atol 2e-5 --rtol 1e-5
  run "$work/m.moe" "$tokens" 3 "$work/three.npy"
  $compare "$work/three.npy" "$work/one.npy"
  for level in $levels; do
    case $level in
    avx2) flag=--cpu=x86-64-v3 ;;
    *) flag=--features=$level ;; # what a processor lacks is not taken away twice
    esac
    compile "$work/other.moe" "$flag"
    run "$work/other.moe" "$tokens" 2 "$work/other.npy"
    $compare "$work/other.npy" "$work/one.npy"
  done
  # Few rows go another way than many.
  for first in 1 1,2 1,2,3 1,2,3,4; do
    run "$work/m.moe" "$first" 2 "$work/few.npy"
    ${PYTHON:-python3} -c "
import numpy as np
a, b = np.load('$work/few.npy'), np.load('$work/one.npy')
assert (a == b[:len(a)]).all()"
  done
}
for scheme; do
  match "$scheme"
done
