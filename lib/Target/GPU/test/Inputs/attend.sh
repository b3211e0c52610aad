# attend.sh COMPARE WORK COUNT NAME/VALUE...: attention over COUNT tokens as match.sh has
# it; and the fast kernels, with races looked for, are near, and lead several
# sequences that are computed together to the same tokens.
set -eu
compare=$1 work=$2
tokens=$(awk "BEGIN { for (i = 0; i < $3; ++i) printf \"%s%d\", i ? \",\" : \"\", i * 7 % 23 }")
folder=$(dirname "$0")
shift 3
sh "$folder/match.sh" "$folder/attention.mlir" "$work" "$tokens" "$@"
export MOERT_GPU_RACES=1
moe-run "$work/gpu.moe" --tokens "$tokens" -n 0 -t 1 --logits "$work/fast.npy"
$compare "$work/fast.npy" "$work/cpu.npy" --atol 5e-4
for target in cpu gpu; do
  moe-run "$work/$target.moe" --tokens "$tokens" --tokens 1,2,3 --tokens 4 \
    --tokens "$tokens" -n 3 -t 1 > "$work/$target.txt"
done
cmp "$work/cpu.txt" "$work/gpu.txt"
