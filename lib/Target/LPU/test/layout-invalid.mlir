// RUN: moe-opt %s --lpu-assign-layout --split-input-file --verify-diagnostics

// expected-error @+1 {{model needs 512 MiB of SRAM, machine tsp1 has 220 MiB, 292 MiB too few: 3 chips would hold it}}
lpu.program @large machine "tsp1" {
  %x = lpu.buffer parameter "x" east : <419430 x f32>
}

// -----

// Of a group each chip must hold its part.

// expected-error @+1 {{model needs 245 MiB of SRAM on one of 2 chips, machine tsp1 has 220 MiB, 25 MiB too few: 3 chips would hold it}}
lpu.program @group machine "tsp1" chips 2 links [#lpu.link<0 link 8 to 1 link 8>] {
  %x = lpu.buffer parameter "x" east on 1 : <200000 x f32>
  %y = lpu.buffer parameter "y" east : <1 x f32>
}

// -----

// A wire of a chip to itself stands for another chip, but for that to the next stage.

// expected-error @+1 {{model needs 245 MiB of SRAM on one of 3 chips, machine tsp1 has 220 MiB, 25 MiB too few: 4 chips would hold it}}
lpu.program @mirrored machine "tsp1" links [#lpu.link<0 link 8 to 0 link 8>, #lpu.link<0 link 9 to 0 link 9>, #lpu.link<0 link 15 to 0 link 0>] {
  %x = lpu.buffer parameter "x" east : <200000 x f32>
}

// -----

lpu.program @long machine "tsp1" {
  // expected-error @+1 {{buffer "x" needs 8193 rows of 4 slices in the east, where no slices have so many left of 8192}}
  %x = lpu.buffer parameter "x" east : <8193 x f32>
}

// -----

// Weights take all slices but two; their map would be read with them from one slice.

lpu.program @map machine "lpu-plus" {
  %full = lpu.buffer parameter "full" east at <east, slices = [0, 1], row = 0, step = 1> : <8192 x f16>
  %w0 = lpu.buffer parameter "w0" east : <57330 x i8>
  %w1 = lpu.buffer parameter "w1" east : <57330 x i8>
  %w2 = lpu.buffer parameter "w2" east : <57330 x i8>
  %w3 = lpu.buffer parameter "w3" east : <57330 x i8>
  // expected-error @+1 {{buffer "w4" needs 8190 rows of 1 slices in the east, where no slices have so many left of 8192}}
  %w4 = lpu.buffer parameter "w4" east : <57330 x i8>
  %w5 = lpu.buffer parameter "w5" east : <57330 x i8>
  %map = lpu.buffer parameter "map" east : <1 x i8>
  %i0 = lpu.install %w0[0] expand : <57330 x i8> -> <i8>
  %i1 = lpu.install %w1[0] expand : <57330 x i8> -> <i8>
  %i2 = lpu.install %w2[0] expand : <57330 x i8> -> <i8>
  %i3 = lpu.install %w3[0] expand : <57330 x i8> -> <i8>
  %i4 = lpu.install %w4[0] expand : <57330 x i8> -> <i8>
  %i5 = lpu.install %w5[0] by %map expand : <57330 x i8> by !lpu.vectors<1 x i8> -> <i8>
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
