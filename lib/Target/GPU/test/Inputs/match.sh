# match.sh MODEL WORK TOKENS [NAME/VALUE...]: kernels, on the emulator that looks for
# races, give the bits of the CPU's. Names in the model become values.
set -eu
model=$1 work=$2 tokens=$3
shift 3
rm -rf "$work" && mkdir -p "$work"
set -- $(for change; do printf ' -e s/%s/g' "$change"; done)
sed "${@--e s/^//}" "$model" > "$work/model.mlir"
moe-compile "$work/model.mlir" -o "$work/cpu.moe"
moe-compile "$work/model.mlir" --target=gpu --gpu-arch=emulator -o "$work/gpu.moe"
moe-run "$work/cpu.moe" --tokens "$tokens" -n 0 -t 1 --logits "$work/cpu.npy"
MOERT_GPU_RACES=1 moe-run "$work/gpu.moe" --tokens "$tokens" -n 0 -t 1 --exact --logits "$work/gpu.npy"
cmp "$work/cpu.npy" "$work/gpu.npy"
