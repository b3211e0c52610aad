// RUN: moe-opt --moe-evaluate=function=alone %s -o /dev/null | FileCheck %s --check-prefix=ALONE
// RUN: moe-opt --moe-evaluate=function=together %s -o /dev/null | FileCheck %s --check-prefix=TOGETHER
// RUN: not moe-opt "--moe-evaluate=function=together exits=off" %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=OFF
// RUN: moe-opt "--moe-evaluate=function=together exit-threshold=0.95" %s -o /dev/null | FileCheck %s --check-prefix=HIGH

// Which rows run on, and which entries are due, go on asking, and leave.

moe.model @rows family "null" context 4 vocabulary 4 from "." {
  // Row 0 is wanted by nobody, row 2 by two, row 3 by one that leaves.
  // Running, due, asking:
  // ALONE: i32 4: 0 1 2 3
  // ALONE-NEXT: i32 4: 0 1 2 3
  // ALONE-NEXT: i32 4: 0 1 2 3
  // Behind the exit running, gone, due, kept, leaving:
  // ALONE-NEXT: i32 3: 0 1 2
  // ALONE-NEXT: i32 1: 3
  // ALONE-NEXT: i32 2: 0 1
  // ALONE-NEXT: i32 2: 0 1
  // ALONE-NEXT: i32 2: 2 3
  // Behind the next, where the one that wants row 2 as well leaves:
  // ALONE-NEXT: i32 2: 0 1
  // ALONE-NEXT: i32 2: 2 3
  // ALONE-NEXT: i32 1: 0
  // ALONE-NEXT: i32 1: 0
  // ALONE-NEXT: i32 1: 1
  func.func @alone() -> (tensor<?xi32>, tensor<?xi32>, tensor<?xi32>,
      tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>,
      tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) {
    %count = arith.constant dense<[0, 1, 2, 3]> : tensor<4xi32>
    %w = arith.constant dense<[1, 2, 2, 3]> : tensor<4xi32>
    %positions = moe.pick %count rows %count : tensor<4xi32>, tensor<4xi32> -> tensor<?xi32>
    %wanted = moe.pick %w rows %count : tensor<4xi32>, tensor<4xi32> -> tensor<?xi32>
    %e:3 = moe.enter %wanted at %positions, %positions
    %s1 = arith.constant dense<[[0.1], [0.2], [0.5], [0.6]]> : tensor<4x1xf32>
    %x1:5 = moe.exit %s1 by "test" above 0.5 after 1 asking %e#2 running %e#0 due %e#1
      of %wanted at %positions, %positions : tensor<4x1xf32>
    %asking = moe.pick %e#2 rows %x1#3 : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    // A score that is not a number reaches nothing.
    %s2 = arith.constant dense<[[0x7FC00000], [0.9]]> : tensor<2x1xf32>
    %x2:5 = moe.exit %s2 by "test" above 0.5 after 2 asking %asking running %x1#0 due %x1#2
      of %wanted at %positions, %positions : tensor<2x1xf32>
    return %e#0, %e#1, %e#2, %x1#0, %x1#1, %x1#2, %x1#3, %x1#4, %x2#0, %x2#1, %x2#2, %x2#3, %x2#4
      : tensor<?xi32>, tensor<?xi32>, tensor<?xi32>,
        tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>,
        tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>
  }

  // Two positions of sequence 0 and one of sequence 1 leave behind layer 1, and wait.
  func.func @before(%kv: !moe.kv<3 x 1 x 1 x f32>) -> !moe.kv<3 x 1 x 1 x f32> {
    %count = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
    %s = arith.constant dense<[0, 0, 1]> : tensor<3xi32>
    %p = arith.constant dense<[0, 1, 0]> : tensor<3xi32>
    %sequences = moe.pick %s rows %count : tensor<3xi32>, tensor<3xi32> -> tensor<?xi32>
    %positions = moe.pick %p rows %count : tensor<3xi32>, tensor<3xi32> -> tensor<?xi32>
    %wanted = moe.pick %count rows %count : tensor<3xi32>, tensor<3xi32> -> tensor<?xi32>
    %x = arith.constant dense<[[10.0], [11.0], [12.0]]> : tensor<3x1xf32>
    %e:3 = moe.enter %wanted at %sequences, %positions from %kv : !moe.kv<3 x 1 x 1 x f32>
    %sure = arith.constant dense<1.0> : tensor<3x1xf32>
    %r:5 = moe.exit %sure by "test" above 0.5 after 1 asking %e#2 running %e#0 due %e#1
      of %wanted at %sequences, %positions from %kv : !moe.kv<3 x 1 x 1 x f32> : tensor<3x1xf32>
    %kv1 = moe.park %x rows %r#1 into %kv at %sequences, %positions : tensor<3x1xf32>, !moe.kv<3 x 1 x 1 x f32>
    return %kv1 : !moe.kv<3 x 1 x 1 x f32>
  }

  // Then come rows 1 and 2 of sequence 0 that wait, row 0 behind them, and of
  // sequence 1 row 3, which waits and is wanted, and row 4.
  // Running, due, asking, and the features of all rows:
  // TOGETHER: i32 2: 0 4
  // TOGETHER-NEXT: i32 3: 0 1 2
  // TOGETHER-NEXT: i32 2: 0 2
  // TOGETHER-NEXT: f32 5x1: 1 10 11 12 5
  // Row 0 runs on, and those that wait with it; row 4 leaves.
  // TOGETHER-NEXT: i32 3: 0 1 2
  // TOGETHER-NEXT: i32 2: 3 4
  // TOGETHER-NEXT: i32 1: 0
  // TOGETHER-NEXT: i32 1: 0
  // TOGETHER-NEXT: i32 1: 1
  // TOGETHER-NEXT: kv 0 entries, 2 rows wait
  // HIGH: f32 5x1
  // HIGH-NEXT: i32 5: 0 1 2 3 4
  // HIGH-NEXT: i32 0:
  // HIGH-NEXT: i32 3: 0 1 2
  // HIGH-NEXT: i32 2: 0 1
  // HIGH-NEXT: i32 0:
  // HIGH-NEXT: kv 0 entries{{$}}
  // OFF: moe.exit: there are 3 scores and 0 entries that ask
  func.func @together(%kv0: !moe.kv<3 x 1 x 1 x f32>) -> (
      tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<5x1xf32>,
      tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, !moe.kv<3 x 1 x 1 x f32>) {
    %kv = call @before(%kv0) : (!moe.kv<3 x 1 x 1 x f32>) -> !moe.kv<3 x 1 x 1 x f32>
    %count = arith.constant dense<[0, 1, 2, 3, 4]> : tensor<5xi32>
    %s = arith.constant dense<[0, 0, 0, 1, 1]> : tensor<5xi32>
    %p = arith.constant dense<[2, 0, 1, 0, 1]> : tensor<5xi32>
    %w = arith.constant dense<[0, 3, 4]> : tensor<3xi32>
    %sequences = moe.pick %s rows %count : tensor<5xi32>, tensor<5xi32> -> tensor<?xi32>
    %positions = moe.pick %p rows %count : tensor<5xi32>, tensor<5xi32> -> tensor<?xi32>
    %wanted = moe.pick %count rows %w : tensor<5xi32>, tensor<3xi32> -> tensor<?xi32>
    %e:3 = moe.enter %wanted at %sequences, %positions from %kv : !moe.kv<3 x 1 x 1 x f32>
    %x = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0]]> : tensor<5x1xf32>
    %all = moe.resume %x at %sequences, %positions from %kv : tensor<5x1xf32>, !moe.kv<3 x 1 x 1 x f32>
    %sure = arith.constant dense<[[0.25], [0.75]]> : tensor<2x1xf32>
    %r:5 = moe.exit %sure by "test" above 0.5 after 1 asking %e#2 running %e#0 due %e#1
      of %wanted at %sequences, %positions from %kv : !moe.kv<3 x 1 x 1 x f32> : tensor<2x1xf32>
    %kv1 = moe.park %all rows %r#1 into %kv at %sequences, %positions : tensor<5x1xf32>, !moe.kv<3 x 1 x 1 x f32>
    return %e#0, %e#1, %e#2, %all, %r#0, %r#1, %r#2, %r#3, %r#4, %kv1
      : tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<5x1xf32>,
        tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, !moe.kv<3 x 1 x 1 x f32>
  }
}
