// Each run expects another error at the same place.
// DEFINE: %{trace} = %python %utils/make_routing_trace.py %t.trace --rows 8
// DEFINE: %{error} =
// DEFINE: %{check} = sed "s|ERROR|%{error}|" %s \
// DEFINE:   | moe-opt --sched-partition-cache=trace=%t.trace -verify-diagnostics -o /dev/null
// RUN: rm -f %t.trace
// REDEFINE: %{error} = %t.trace: no such file or directory
// RUN: %{check}
// RUN: %{trace} --layers 1 --name else --model "else;null;8;8;1;8;2"
// REDEFINE: %{error} = %t.trace: is of model 'else' with fingerprint
// RUN: %{check}

// A policy that this build does not have.
// RUN: %{trace} --layers 1 --model "m;null;8;8;1;8;2"
// RUN: sed "s|ERROR|unknown cache policy 'mru', this build has: |; s/lru/mru/" %s \
// RUN:   | moe-opt --sched-partition-cache=trace=%t.trace -verify-diagnostics -o /dev/null

!at = tensor<?xi32>
!ids = tensor<?x2xi32>
!rows = tensor<?x8xf32>
!weights = tensor<?x2xf32>
!kv = !moe.kv<1 x 1 x 8 x f32>
// expected-error @+1 {{ERROR}}
moe.model @m family "null" context 4 vocabulary 8 from "." {
  moe.weight @r : tensor<8x8xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @g : tensor<8x6x8xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @d : tensor<8x8x6xf32> from [#moe.random<4, 0.5 : f32>]
  sched.cache @experts policy "lru" holds 4
  func.func @forward(%tokens: !at, %sequences: !at, %at: !at, %wanted: !at, %kv: !kv) -> (!rows, !kv) {
    %x = moe.embed %tokens by @r : !at -> !rows
    %kv0 = moe.kv_append %x, %x into %kv layer 0 at %sequences, %at : !rows, !at, !kv
    %a = moe.attention %x over %kv0 layer 0 at %sequences, %at heads 1 scale 0.5 : !rows, !at, !kv
    %ids, %w = moe.route %a top 2 softmax scale 1.0 : !rows -> !ids, !weights
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    %y = moe.experts %a to %ids, %w gate @g up @g down @d silu : !rows, !ids, !weights
    sched.release %t
    return %y, %kv0 : !rows, !kv
  }
}
