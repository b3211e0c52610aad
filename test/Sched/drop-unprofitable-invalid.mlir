// Each run expects another error at the same place.
// DEFINE: %{trace} = %python %utils/make_routing_trace.py %t.trace --rows 8
// DEFINE: %{options} =
// DEFINE: %{error} =
// DEFINE: %{check} = sed "s|ERROR|%{error}|" %s \
// DEFINE:   | moe-opt --sched-drop-unprofitable="trace=%t.trace %{options}" -verify-diagnostics -o /dev/null

// RUN: rm -f %t.trace
// REDEFINE: %{options} = budget=50%%
// REDEFINE: %{error} = %t.trace: no such file or directory
// RUN: %{check}
// RUN: echo 0 >%t.trace
// REDEFINE: %{error} = %t.trace: has 2 bytes
// RUN: %{check}

// RUN: %{trace} --layers 2 --name else --model "else;null;8;8;2;8;2"
// REDEFINE: %{error} = %t.trace: is of model 'else' with fingerprint
// RUN: %{check}

// RUN: %{trace} --layers 2 --model "m;null;8;8;2;8;2"
// REDEFINE: %{options} = budget=50%% profile=abacus
// REDEFINE: %{error} = no device profile 'abacus', there are a100, cpu-nvme,
// RUN: %{check}
// RUN: echo '{"name": "x"}' >%t.json
// REDEFINE: %{options} = budget=50%% profile=%t.json
// REDEFINE: %{error} = %t.json: lacks field 'description'
// RUN: %{check}
// REDEFINE: %{options} = budget=half
// REDEFINE: %{error} = bad memory budget 'half', expected bytes for experts, such as 64M, 2G or 25%%
// RUN: %{check}
// REDEFINE: %{options} = budget=4K
// REDEFINE: %{error} = memory budget of 4096 bytes holds 1 experts, a row chooses 2: at least 8192 bytes are needed
// RUN: %{check}
// REDEFINE: %{options} = budget=50%% count=9
// REDEFINE: %{error} = there are 9 guesses per row, must be between 1 and 8
// RUN: %{check}
// REDEFINE: %{options} = budget=50%% ahead=0
// REDEFINE: %{error} = guesses are made 0 layers ahead, must be at least 1
// RUN: %{check}

// Who guessed is not of this build, or only a trace of the module itself knows
// what it guesses.
// REDEFINE: %{options} = budget=50%%
// REDEFINE: %{error} = unknown predictor 'tarot', this build has: adaptive, cross-layer-gate,
// RUN: sed "s|ERROR|%{error}|; s/previous-layer/tarot/" %s \
// RUN:   | moe-opt --sched-drop-unprofitable="trace=%t.trace budget=50%" -verify-diagnostics -o /dev/null
// REDEFINE: %{error} = %t.trace: has no guesses; those of cross-layer-gate are recorded by a module
// RUN: sed "s|ERROR|%{error}|; s/previous-layer/cross-layer-gate/" %s \
// RUN:   | moe-opt --sched-drop-unprofitable="trace=%t.trace budget=50%" -verify-diagnostics -o /dev/null
// RUN: %{trace} --layers 2 --model "m;null;8;8;2;8;2" --guesses 2 --predictor cross-layer-gate-output
// REDEFINE: %{error} = %t.trace: has guesses of cross-layer-gate-output, those of cross-layer-gate are needed
// RUN: sed "s|ERROR|%{error}|; s/previous-layer/cross-layer-gate/" %s \
// RUN:   | moe-opt --sched-drop-unprofitable="trace=%t.trace budget=50%" -verify-diagnostics -o /dev/null

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
    %next, %sure = sched.predict %a for layer 1 choosing 2 top 2 by "previous-layer" calibrated [1.0, 0.0] : !rows -> !ids, !weights
    %g = sched.prefetch %next confident %sure above 0.5 of layer 1 in @experts : !ids, !weights
    %kv1 = moe.kv_append %y, %y into %kv0 layer 1 at %sequences, %at : !rows, !at, !kv
    %b = moe.attention %y over %kv1 layer 1 at %sequences, %at heads 1 scale 0.5 : !rows, !at, !kv
    %ids1, %w1 = moe.route %b top 2 softmax scale 1.0 : !rows -> !ids, !weights
    %t1 = sched.prefetch %ids1 of layer 1 in @experts joining %g : !ids
    sched.await %t1
    %z = moe.experts %b to %ids1, %w1 gate @g1 up @g1 down @d silu : !rows, !ids, !weights
    sched.release %t1
    return %z, %kv1 : !rows, !kv
  }
}
