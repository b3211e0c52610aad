// Each run expects another error at the same place.
// DEFINE: %{trace} = %python %utils/make_routing_trace.py %t.trace --rows 8
// DEFINE: %{options} =
// DEFINE: %{error} =
// DEFINE: %{check} = sed "s|ERROR|%{error}|" %s \
// DEFINE:   | moe-opt --sched-insert-prefetch="%{options}" -verify-diagnostics -o /dev/null

// REDEFINE: %{options} = predictor=tarot
// REDEFINE: %{error} = unknown predictor 'tarot', this build has: adaptive, cross-layer-gate,
// RUN: %{check}
// REDEFINE: %{options} = predictor=pattern
// REDEFINE: %{error} = predictor 'pattern' needs a routing trace, use --trace
// RUN: %{check}
// REDEFINE: %{options} = predictor=previous-layer ahead=0
// REDEFINE: %{error} = guesses 0 layers ahead requested, must be at least 1
// RUN: %{check}
// REDEFINE: %{options} = predictor=previous-layer count=9
// REDEFINE: %{error} = 9 guesses requested, layer 0 has 8 experts
// RUN: %{check}
// REDEFINE: %{options} = predictor=previous-layer count=-1
// REDEFINE: %{error} = -1 guesses requested, must be at least 0
// RUN: %{check}

// A trace that is not there, is none, or is of another model: by its name, its
// experts, its layers.
// REDEFINE: %{options} = predictor=pattern trace=%t.absent
// REDEFINE: %{error} = %t.absent: no such file or directory
// RUN: rm -f %t.absent
// RUN: %{check}
// REDEFINE: %{options} = predictor=pattern trace=%s
// REDEFINE: %{error} = %s: begins with '// Each ', a routing trace with
// RUN: %{check}
// REDEFINE: %{options} = predictor=pattern trace=%t.trace
// REDEFINE: %{error} = %t.trace: is of model 'else' with fingerprint
// RUN: %{trace} --layers 2 --name else --model "else;null;8;8;2;8;2"
// RUN: %{check}
// REDEFINE: %{error} = %t.trace: is of model 'made-up', which has 6 experts and chooses 2; 'm' has 8 and chooses 2
// RUN: %{trace} --layers 2 --experts 6
// RUN: %{check}
// REDEFINE: %{error} = %t.trace: has experts in the decoder layers 0, 1, 2; 'm' has them in 0, 1
// RUN: %{trace} --layers 3 --model "m;null;8;8;2;8;2"
// RUN: %{check}

// Of layer 1 the trace knows, but nobody would find its fetch, as no router chose.
// REDEFINE: %{error} = %t.trace: has 2 layers with experts, routers choose what 1 of them fetch
// RUN: %{trace} --layers 2 --model "m;null;8;8;2;8;2"
// RUN: %{check}

!at = tensor<?xi32>
!ids = tensor<?x2xi32>
!rows = tensor<?x8xf32>
!weights = tensor<?x2xf32>
!kv = !moe.kv<2 x 1 x 8 x f32>
// expected-error @+1 {{ERROR}}
moe.model @m family "null" context 4 vocabulary 8 from "." {
  moe.weight @r : tensor<8x8xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @g0 : tensor<8x6x8xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x8xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @d : tensor<8x8x6xf32> from [#moe.random<4, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @forward(%tokens: !at, %sequences: !at, %at: !at, %wanted: !at, %kv: !kv) -> (!rows, !kv) {
    %x = moe.embed %tokens by @r : !at -> !rows
    %kv0 = moe.kv_append %x, %x into %kv layer 0 at %sequences, %at : !rows, !at, !kv
    %a = moe.attention %x over %kv0 layer 0 at %sequences, %at heads 1 scale 0.5 : !rows, !at, !kv
    %ids, %w = moe.route %a top 2 softmax scale 1.0 : !rows -> !ids, !weights
    %t = sched.prefetch %ids of layer 0 in @experts : !ids
    sched.await %t
    %y = moe.experts %a to %ids, %w gate @g0 up @g0 down @d silu : !rows, !ids, !weights
    sched.release %t
    %kv1 = moe.kv_append %y, %y into %kv0 layer 1 at %sequences, %at : !rows, !at, !kv
    %b = moe.attention %y over %kv1 layer 1 at %sequences, %at heads 1 scale 0.5 : !rows, !at, !kv
    %some, %sure = sched.predict %b for layer 1 choosing 2 top 2 by "me" calibrated [1.0, 0.0] : !rows -> !ids, !weights
    %t1 = sched.prefetch %some of layer 1 in @experts : !ids
    sched.await %t1
    %z = moe.experts %b to %some, %w gate @g1 up @g1 down @d silu : !rows, !ids, !weights
    sched.release %t1
    return %z, %kv1 : !rows, !kv
  }
}
