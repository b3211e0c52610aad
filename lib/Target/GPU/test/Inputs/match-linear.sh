# match-linear.sh WORK ROWS COMPARE [NAME/VALUE...]: besides the bits of the CPU's
# with --exact, the kernels that are fast come close to them, and some of these ran.
set -eu
work=$1 rows=$2 compare=$3 here=$(dirname "$0")
shift 3
tokens=$(seq "$rows" | awk '{ printf("%s%d", (NR > 1 ? "," : ""), $1 * 31 % 48) }')
sh "$here/match.sh" "$here/linear.mlir" "$work" "$tokens" "$@"
MOERT_GPU_RACES=1 moe-run "$work/gpu.moe" --tokens "$tokens" -n 0 -t 1 --logits "$work/fast.npy"
$compare "$work/fast.npy" "$work/cpu.npy" --atol 5e-4 --rtol 1e-5
! cmp -s "$work/fast.npy" "$work/cpu.npy"
