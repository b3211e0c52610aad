// Each run expects another error at the same place.
// DEFINE: %{options} =
// DEFINE: %{error} =
// DEFINE: %{bad} = sed "s/ERROR/%{error}/" %s | moe-opt --moe-insert-exits="%{options}" -verify-diagnostics

// REDEFINE: %{options} = policy=oracle
// REDEFINE: %{error} = unknown exit policy 'oracle', this build has:
// RUN: %{bad}
// REDEFINE: %{options} = state=verify
// REDEFINE: %{error} = unknown exit state 'verify', this build has: propagate, recompute
// RUN: %{bad}
// REDEFINE: %{options} = head=bald
// REDEFINE: %{error} = unknown exit head 'bald', this build has: full
// RUN: %{bad}

// Where exits may be.
// REDEFINE: %{options} = layers=9
// REDEFINE: %{error} = exit behind layer 9 requested, the model has 3 layers: rows may leave behind 1 to 2
// RUN: %{bad}
// REDEFINE: %{options} = layers=1,3
// REDEFINE: %{error} = exit behind layer 3 requested, the model has 3 layers: rows may leave behind 1 to 2
// RUN: %{bad}
// REDEFINE: %{options} = layers=0
// REDEFINE: %{error} = exit behind layer 0 requested, the model has 3 layers: rows may leave behind 1 to 2
// RUN: %{bad}
// REDEFINE: %{options} = layers=2,1
// REDEFINE: %{error} = exit behind layer 1 requested after one behind layer 2, expected ascending numbers
// RUN: %{bad}
// REDEFINE: %{options} = layers=2,2
// REDEFINE: %{error} = exit behind layer 2 requested after one behind layer 2, expected ascending numbers
// RUN: %{bad}

// How sure a row must be.
// REDEFINE: %{options} = thresholds=0.9,0.8,0.7
// REDEFINE: %{error} = 3 thresholds for 2 exits, expected 1 or 2
// RUN: %{bad}
// REDEFINE: %{options} = layers=2 thresholds=0.9,0.8
// REDEFINE: %{error} = 2 thresholds for 1 exits, expected 1
// RUN: %{bad}
// REDEFINE: %{options} = thresholds=0.8,0.9
// REDEFINE: %{error} = threshold 0.9 behind layer 2 is above 0.8 behind layer 1, expected none that grows with depth
// RUN: %{bad}
// REDEFINE: %{options} = thresholds=nan
// REDEFINE: %{error} = threshold nan behind layer 1, expected a number
// RUN: %{bad}
// REDEFINE: %{options} = taken=0.5
// REDEFINE: %{error} = 1 shares of leaving rows for 2 exits, expected 2
// RUN: %{bad}
// REDEFINE: %{options} = taken=0.5,1.5
// REDEFINE: %{error} = share 1.5 of leaving rows behind layer 2, expected 0 to 1
// RUN: %{bad}

!tokens = tensor<?xi32>
!rows = tensor<?x4xf32>
!kv = !moe.kv<3 x 1 x 4 x f32>
// expected-error @+1 {{ERROR}}
moe.model @f family "null" context 4 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.random<1, 1.0 : f32>]
  func.func @forward(%tokens: !tokens, %sequences: !tokens, %positions: !tokens, %wanted: !tokens,
                     %kv: !kv) -> (tensor<?x8xf32>, !kv) {
    %x0 = moe.embed %tokens by @embed : !tokens -> !rows
    %kv0 = moe.kv_append %x0, %x0 into %kv layer 0 at %sequences, %positions : !rows, !tokens, !kv
    %a0 = moe.attention %x0 over %kv0 layer 0 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %x1 = moe.add %x0, %a0 : !rows
    %kv1 = moe.kv_append %x1, %x1 into %kv0 layer 1 at %sequences, %positions : !rows, !tokens, !kv
    %a1 = moe.attention %x1 over %kv1 layer 1 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %x2 = moe.add %x1, %a1 : !rows
    %kv2 = moe.kv_append %x2, %x2 into %kv1 layer 2 at %sequences, %positions : !rows, !tokens, !kv
    %a2 = moe.attention %x2 over %kv2 layer 2 at %sequences, %positions heads 1 scale 0.5 : !rows, !tokens, !kv
    %x3 = moe.add %x2, %a2 : !rows
    %last = moe.pick %x3 rows %wanted : !rows, !tokens -> !rows
    %logits = moe.linear %last by @embed : !rows -> tensor<?x8xf32>
    return %logits, %kv2 : tensor<?x8xf32>, !kv
  }
}
