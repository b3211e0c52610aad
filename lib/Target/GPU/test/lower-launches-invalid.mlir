// RUN: moe-opt %s --moe-gpu-lower-launches -split-input-file -verify-diagnostics

module attributes {gpu.container_module} {
  gpu.module @kernels { gpu.func @k(%p: !llvm.ptr<1>) kernel { gpu.return } }
  func.func @no_arguments() {
    %one = arith.constant 1 : index
    %p = llvm.mlir.zero : !llvm.ptr<1>
    // expected-error @below {{is in a function without the environment as first argument}}
    gpu.launch_func @kernels::@k blocks in (%one, %one, %one)
      threads in (%one, %one, %one) args(%p : !llvm.ptr<1>)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels { gpu.func @k(%p: i16) kernel { gpu.return } }
  func.func @narrow(%env: !llvm.ptr, %p: i16) {
    %one = arith.constant 1 : index
    // expected-error @below {{passes a parameter of type 'i16', expected a pointer, i32, i64 or f32}}
    gpu.launch_func @kernels::@k blocks in (%one, %one, %one)
      threads in (%one, %one, %one) args(%p : i16)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels { gpu.func @k() kernel { gpu.return } }
  func.func @deep(%env: !llvm.ptr, %n: index) {
    %one = arith.constant 1 : index
    // expected-error @below {{has blocks in 3 dimensions, expected 2}}
    gpu.launch_func @kernels::@k blocks in (%one, %one, %n)
      threads in (%one, %one, %one)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels { gpu.func @k() kernel { gpu.return } }
  func.func @asynchronous(%env: !llvm.ptr) {
    %one = arith.constant 1 : index
    // expected-error @below {{is asynchronous; launches run in order}}
    %token = gpu.launch_func async @kernels::@k blocks in (%one, %one, %one)
      threads in (%one, %one, %one)
    return
  }
}
