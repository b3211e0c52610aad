// RUN: moe-opt %s --moe-cpu-outline-parallel -split-input-file -verify-diagnostics

func.func @two_dimensions(%env: !llvm.ptr, %n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  // expected-error @below {{has 2 dimensions and 0 reductions, can outline 1 and 0}}
  scf.parallel (%i, %j) = (%zero, %zero) to (%n, %n) step (%one, %one) {
  }
  return
}

// -----

func.func @from_one(%env: !llvm.ptr, %n: index) {
  %one = arith.constant 1 : index
  // expected-error @below {{must start at 0 with step 1}}
  scf.parallel (%i) = (%one) to (%n) step (%one) {
  }
  return
}

// -----

func.func @no_environment(%n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  // expected-error @below {{is in a function without the environment as first argument}}
  scf.parallel (%i) = (%zero) to (%n) step (%one) {
  }
  return
}

// -----

func.func @wide_value(%env: !llvm.ptr, %n: index, %v: vector<4xf32>, %m: memref<4xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  // expected-error @below {{uses a value of type 'vector<4xf32>' that cannot travel to another thread}}
  scf.parallel (%i) = (%zero) to (%n) step (%one) {
    vector.store %v, %m[%zero] : memref<4xf32>, vector<4xf32>
  }
  return
}
