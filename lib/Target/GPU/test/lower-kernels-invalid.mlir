// RUN: moe-opt %s --pass-pipeline='builtin.module(gpu.module(moe-gpu-lower-kernels))' -split-input-file -verify-diagnostics

gpu.module @kernels {
  // expected-error @below {{does not say with known_block_size how many threads a block has}}
  gpu.func @no_size() kernel {
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{has 48 threads, expected a multiple of 32 up to 1024}}
  gpu.func @odd_size() kernel attributes {known_block_size = array<i32: 48, 1, 1>} {
    gpu.return
  }
}

// -----

// What a GPU only approximates.
gpu.module @kernels {
  gpu.func @approximation(%x: f32, %p: !llvm.ptr<1>) kernel
      attributes {known_block_size = array<i32: 32, 1, 1>} {
    // expected-error @below {{failed to legalize operation 'math.exp'}}
    %y = math.exp %x : f32
    llvm.store %y, %p : f32, !llvm.ptr<1>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @library(%x: f32, %p: !llvm.ptr<1>) kernel
      attributes {known_block_size = array<i32: 32, 1, 1>} {
    // expected-error @below {{failed to legalize operation}}
    %y = arith.remf %x, %x : f32
    llvm.store %y, %p : f32, !llvm.ptr<1>
    gpu.return
  }
}
