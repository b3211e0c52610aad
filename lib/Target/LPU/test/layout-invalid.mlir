// RUN: moe-opt %s --lpu-assign-layout --split-input-file --verify-diagnostics

// expected-error @+1 {{model needs 512 MiB of SRAM, machine tsp1 has 220 MiB, 292 MiB too few: 3 chips would hold it}}
lpu.program @large machine "tsp1" {
  %x = lpu.buffer parameter "x" east : <419430 x f32>
}

// -----

lpu.program @long machine "tsp1" {
  // expected-error @+1 {{buffer "x" needs 8193 rows of 4 slices in the east, where no slices have so many left of 8192}}
  %x = lpu.buffer parameter "x" east : <8193 x f32>
}

// -----

lpu.program @weights machine "tsp1" {
  // expected-error @+1 {{buffer "w" needs 8200 rows of 1 slices in the west, where no slices have so many left of 8192}}
  %w = lpu.buffer parameter "w" west : <131200 x i8>
  %i = lpu.install %w[0] : <131200 x i8> -> !lpu.weights<i8>
}

// -----

// expected-error @+1 {{tsp9}}
lpu.program @machine machine "tsp9" {
  %x = lpu.buffer parameter "x" east : <1 x f32>
}
