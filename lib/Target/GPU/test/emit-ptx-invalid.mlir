// RUN: moe-opt %s --pass-pipeline='builtin.module(gpu.module(moe-gpu-emit-ptx{arch=emulator}))' -verify-diagnostics
// RUN: not moe-opt %s --pass-pipeline='builtin.module(gpu.module(moe-gpu-emit-ptx{arch=sm_70}))' 2>&1 | FileCheck %s --check-prefix=OLD
// RUN: not moe-opt %s --pass-pipeline='builtin.module(gpu.module(moe-gpu-emit-ptx{output=%t/none/x.ptx}))' 2>&1 | FileCheck %s --check-prefix=FILE

// OLD: error: --gpu-arch: 'sm_70' is named, the least is sm_80
// FILE: error: {{.*}}x.ptx: {{.*}}no such file or directory

// expected-error @below {{--gpu-arch: names no GPU, the emulator runs no PTX}}
gpu.module @kernels {
  llvm.func @nothing() attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    llvm.return
  }
}
