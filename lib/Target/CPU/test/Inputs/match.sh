# match.sh MODEL.mlir TOKENS: compiled code against the reference evaluator.
# Also: any number of threads and any vector width give the same bits, and a
# row does not depend on the rows that follow it.
set -eu
model=$1 tokens=$2 work=$3 compare=$4
rm -rf "$work" && mkdir -p "$work"
moe-opt "$model" --moe-evaluate="tokens=$tokens logits=$work/reference.npy" > /dev/null
moe-compile "$model" -o "$work/m.moe"
run() { moe-run "$1" --tokens "$2" -n 0 -t "$3" --logits "$4"; }
run "$work/m.moe" "$tokens" 1 "$work/one.npy"
$compare "$work/one.npy" "$work/reference.npy" --atol 1e-6 --rtol 1e-5
run "$work/m.moe" "$tokens" 3 "$work/three.npy"
$compare "$work/three.npy" "$work/one.npy"
moe-compile "$model" --cpu=x86-64-v3 -o "$work/avx2.moe"
run "$work/avx2.moe" "$tokens" 2 "$work/avx2.npy"
$compare "$work/avx2.npy" "$work/one.npy"
