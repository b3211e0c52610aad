// Each run expects another error at the same place.
// RUN: sed "s/ERROR/unknown cache policy 'mru', this build has: /" %s \
// RUN:   | moe-opt --sched-insert-fetches=policy=mru -split-input-file -verify-diagnostics
// RUN: sed 's/ERROR/a cache of -1 entries, expected at least 1/' %s \
// RUN:   | moe-opt --sched-insert-fetches=entries=-1 -split-input-file -verify-diagnostics
// RUN: sed 's/ERROR/a cache of 4 entries and a budget of 1G, expected one of them/' %s \
// RUN:   | moe-opt --sched-insert-fetches="entries=4 budget=1G" -split-input-file -verify-diagnostics
// RUN: sed 's/ERROR/memory budget of 8191 bytes holds 1 experts, a row chooses 2: at least 8192 bytes are needed/' %s \
// RUN:   | moe-opt --sched-insert-fetches=budget=8191 -split-input-file -verify-diagnostics
// RUN: sed 's/ERROR/memory budget of 6553 bytes holds 1 experts, a row chooses 2: at least 8192 bytes are needed/' %s \
// RUN:   | moe-opt --sched-insert-fetches=budget=20% -split-input-file -verify-diagnostics

// No number, none that is above 0, no unit, too many bytes, too large a share.
// DEFINE: %{budget} =
// DEFINE: %{bad} = sed "s/ERROR/bad memory budget '%{budget}', expected bytes for experts, such as 64M, 2G or 25%%/" %s \
// DEFINE:   | moe-opt --sched-insert-fetches=budget=%{budget} -split-input-file -verify-diagnostics
// REDEFINE: %{budget} = M
// RUN: %{bad}
// REDEFINE: %{budget} = 0
// RUN: %{bad}
// REDEFINE: %{budget} = -5
// RUN: %{bad}
// REDEFINE: %{budget} = 64T
// RUN: %{bad}
// REDEFINE: %{budget} = 9000000000G
// RUN: %{bad}
// REDEFINE: %{budget} = 101%%
// RUN: %{bad}
// REDEFINE: %{budget} = 0%%
// RUN: %{bad}
// REDEFINE: %{budget} = nan%%
// RUN: %{bad}

!kv = !moe.kv<1 x 1 x 4 x f32>
// expected-error @+1 {{ERROR}}
moe.model @f family "null" context 4 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %at: tensor<?xi32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %kv: !kv)
      -> tensor<?x4xf32> {
    %a = moe.attention %x over %kv layer 0 at %at, %at heads 1 scale 1.0 : tensor<?x4xf32>, tensor<?xi32>, !kv
    %y = moe.experts %a to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return %y : tensor<?x4xf32>
  }
}
