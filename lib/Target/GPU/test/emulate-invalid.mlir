// RUN: moe-opt %s --moe-gpu-emulate -split-input-file -verify-diagnostics

gpu.module @kernels {
  llvm.func @instruction(%x: i32) attributes {nvvm.kernel} {
    // expected-error @below {{'nvvm.nanosleep' op is not known to the emulator}}
    nvvm.nanosleep %x
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @assembly() attributes {nvvm.kernel} {
    // expected-error @below {{'llvm.inline_asm' op is not known to the emulator}}
    llvm.inline_asm has_side_effects "nop;", "" : () -> ()
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{'llvm.func' op is not known to the emulator}}
  llvm.func @library(f32) -> f32
}

// -----

gpu.module @kernels {
  // expected-error @below {{is neither a constant nor the shared memory}}
  llvm.mlir.global internal @state(0 : i32) {addr_space = 1 : i32} : i32
}

// -----

gpu.module @kernels {
  llvm.func @generic(%p: !llvm.ptr<1>) attributes {nvvm.kernel} {
    // expected-error @below {{goes to another address space, which the emulator could not follow}}
    %q = llvm.addrspacecast %p : !llvm.ptr<1> to !llvm.ptr
    %v = llvm.load %q : !llvm.ptr -> f32
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @somewhere(%p: !llvm.ptr) attributes {nvvm.kernel} {
    // expected-error @below {{goes to address space 0, the emulator knows 1 and 3}}
    %v = llvm.load %p : !llvm.ptr -> f32
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @reduction(%n: i32) attributes {nvvm.kernel} {
    // expected-error @below {{reduces, which is not known to the emulator}}
    %r = nvvm.barrier #nvvm.reduction<popc> %n -> i32
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @validity(%x: i32) attributes {nvvm.kernel} {
    // expected-error @below {{says whether it is valid, which is not known to the emulator}}
    %r = nvvm.shfl.sync bfly %x, %x, %x, %x {return_value_and_is_valid} : i32 -> !llvm.struct<(i32, i1)>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @halves(%a: vector<2xf16>) attributes {nvvm.kernel} {
    // expected-error @below {{has a shape, types or layouts that the emulator does not know}}
    %d = nvvm.mma.sync A[%a, %a, %a, %a] B[%a, %a] C[%a, %a]
      {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
       shape = #nvvm.shape<m = 16, n = 8, k = 16>}
      : (vector<2xf16>, vector<2xf16>, vector<2xf16>) -> !llvm.struct<(vector<2xf16>, vector<2xf16>)>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @bytes(%p: !llvm.ptr<3>) attributes {nvvm.kernel} {
    // expected-error @below {{has a shape or type that the emulator does not know}}
    %r = nvvm.ldmatrix %p {num = 1 : i32, layout = #nvvm.mma_layout<col>,
      shape = #nvvm.ld_st_matrix_shape<m = 16, n = 16>, eltType = #nvvm.ld_st_matrix_elt_type<b8>}
      : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32)>
    llvm.return
  }
}
