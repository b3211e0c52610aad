// RUN: moe-opt %s --split-input-file --lpu-schedule --verify-diagnostics

lpu.program @transfer_c1_types machine "tsp1" chips 2 links [#lpu.link<0 link 8 to 1 link 8>] {
  %x = lpu.buffer input "x" east : <1 x f32>
  %y = lpu.buffer output "y" east on 1 : <1 x i32>
  // expected-error@+1 {{takes vectors of 'f32' to vectors of 'i32'}}
  lpu.transfer %x[0] to %y[0] over 8 : <1 x f32>, <1 x i32>
}

// -----

lpu.program @transfer_c1_constant machine "tsp1" chips 2 links [#lpu.link<0 link 8 to 1 link 8>] {
  %x = lpu.buffer input "x" east : <1 x f32>
  %y = lpu.buffer constant "y" east on 1 values dense<1.0> : tensor<1xf32> : <1 x f32>
  // expected-error@+1 {{writes to a constant buffer, which may only be read}}
  lpu.transfer %x[0] to %y[0] over 8 : <1 x f32>, <1 x f32>
}

// -----

lpu.program @transfer_c2 machine "tsp1" chips 2 links [#lpu.link<0 link 8 to 1 link 8>] {
  %x = lpu.buffer input "x" east : <2 x f32>
  %y = lpu.buffer output "y" east on 1 : <1 x f32>
  // expected-error@+1 {{target is vector 1 of a buffer of 1}}
  lpu.transfer %x[1] to %y[1] over 8 : <2 x f32>, <1 x f32>
}

// -----

lpu.program @transfer_c3_nowhere machine "tsp1" chips 2 links [#lpu.link<0 link 8 to 1 link 9>] {
  %x = lpu.buffer input "x" east : <1 x f32>
  %y = lpu.buffer output "y" east on 1 : <1 x f32>
  // expected-error@+1 {{goes over link 9 of chip 0, which no wire ends at}}
  lpu.transfer %x[0] to %y[0] over 9 : <1 x f32>, <1 x f32>
}

// -----

lpu.program @transfer_c3_elsewhere machine "tsp1" chips 3 links [#lpu.link<0 link 8 to 1 link 8>] {
  %x = lpu.buffer input "x" east : <1 x f32>
  %y = lpu.buffer output "y" east on 2 : <1 x f32>
  // expected-error@+1 {{goes over link 8 of chip 0, which leads to chip 1, its target is on chip 2}}
  lpu.transfer %x[0] to %y[0] over 8 : <1 x f32>, <1 x f32>
}

// -----

lpu.program @other_hemisphere machine "tsp1" chips 2 links [#lpu.link<0 link 3 to 1 link 8>] {
  %x = lpu.buffer input "x" east at <east, slices = [0, 1, 2, 3], row = 5, step = 1> : <1 x f32>
  %y = lpu.buffer output "y" east on 1 at <east, slices = [0, 1, 2, 3], row = 5, step = 1> : <1 x f32>
  // expected-error@+1 {{goes over link 3, which is in the west, buffer "x" is in the east}}
  lpu.transfer %x[0] to %y[0] over 3 : <1 x f32>, <1 x f32>
}
