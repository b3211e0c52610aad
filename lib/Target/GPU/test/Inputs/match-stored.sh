# match-stored.sh MODEL WORK SCHEMES...: kernels of stored weights, on the emulator that
# looks for races, give the bits of the CPU's: one row, some for each vector kernel, and
# as many as go to tensor cores, in more than one block.
set -eu
model=$1 work=$2
shift 2
run() { moe-run "$work/$1.moe" --tokens "$(seq -s , "$2")" -n 0 -t 1 --exact --logits "$work/$1.npy"; }
export MOERT_GPU_RACES=1
for scheme; do
  rm -rf "$work" && mkdir -p "$work"
  compile() { moe-compile "$model" --quantize="$scheme" --effort=fast "$@" 2> /dev/null; }
  compile -o "$work/cpu.moe"
  compile --target=gpu --gpu-arch=emulator -o "$work/gpu.moe"
  for rows in 1 3 7 40; do
    run cpu $rows
    run gpu $rows
    cmp "$work/cpu.npy" "$work/gpu.npy"
  done
done
