// RUN: moe-opt %s -split-input-file -verify-diagnostics

moe.model @cache_c1 family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{the first one}}
  sched.cache @a policy "lru"
  // expected-error @+1 {{'sched.cache' op is one of 2 caches when a model has at most 1}}
  sched.cache @b policy "lru"
}

// -----

moe.model @cache_c2_none family "null" context 16 vocabulary 8 from "." {
  // expected-error @+1 {{'sched.cache' op holds 0 experts when it should hold at least 1}}
  sched.cache @experts policy "lru" holds 0
}

// -----

moe.model @cache_c2_row family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  // expected-error @+1 {{'sched.cache' op holds 1 experts when a row of layer 2 chooses 2}}
  sched.cache @experts policy "lru" holds 1
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 2 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @cache_c3_layers family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  // expected-error @+1 {{'sched.cache' op has 2 shares for 1 layers with experts}}
  sched.cache @experts policy "lru" partition [2, 2]
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 2 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

// Shares are those of the layers in their order, whoever comes first in the IR.
moe.model @cache_c3_share family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x4xf32> from [#moe.random<3, 0.5 : f32>]
  // expected-error @+1 {{'sched.cache' op has a share of 1 for layer 3, of which a row chooses 2}}
  sched.cache @experts policy "lru" partition [1, 2]
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 5 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    %u = sched.prefetch %ids of layer 3 in @experts : tensor<?x2xi32>
    sched.launch %u {
      %y = moe.experts %x to %ids, %w gate @g1 up @g1 down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @cache_c3_negative family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  // expected-error @+1 {{'sched.cache' op has a share of -1 for layer 2, of which a row chooses 2}}
  sched.cache @experts policy "lru" partition [-1]
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 2 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @cache_c3_sum family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x4xf32> from [#moe.random<3, 0.5 : f32>]
  // expected-error @+1 {{'sched.cache' op has shares of 5 when it holds 6}}
  sched.cache @experts policy "lru" holds 6 partition [2, 3]
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 5 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    %u = sched.prefetch %ids of layer 3 in @experts : tensor<?x2xi32>
    sched.launch %u {
      %y = moe.experts %x to %ids, %w gate @g1 up @g1 down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @cache_c4_alone family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'moe.experts' op lies in no sched.launch, and 0 fetches in its block are of its choice}}
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}

// -----

// Those of another fetch are there, which does not help.
moe.model @cache_c4_other family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %other: tensor<?x2xi32>) {
    %t = sched.prefetch %other of layer 0 in @experts : tensor<?x2xi32>
    sched.await %t
    // expected-error @+1 {{'moe.experts' op lies in no sched.launch, and 0 fetches in its block are of its choice}}
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.release %t
    return
  }
}

// -----

// A guess brings nothing for certain.
moe.model @cache_c4_guess family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %g = sched.prefetch %ids confident %w above 0.0 of layer 0 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @+1 {{'moe.experts' op lies in no sched.launch, and 0 fetches in its block are of its choice}}
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.cancel %g
    return
  }
}

// -----

moe.model @cache_c4_launched family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-note @+1 {{fetched here}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    // expected-error @+1 {{'moe.experts' op uses experts that are not awaited}}
    %z = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}

// -----

moe.model @cache_c4_early family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-note @+1 {{fetched here}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'moe.experts' op uses experts that are not awaited}}
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.await %t
    sched.release %t
    return
  }
}

// -----

moe.model @cache_c4_late family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-note @+1 {{fetched here}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    sched.await %t
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.release %t
    // expected-error @+1 {{'moe.experts' op uses experts after their release}}
    %z = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}

// -----

// Other functions of the model are no exception.
moe.model @cache_c4_functions family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
  func.func @h(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'moe.experts' op lies in no sched.launch, and 0 fetches in its block are of its choice}}
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}

// -----

moe.model @cache_c5_bank family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 2 in @experts : tensor<?x2xi32>
    sched.launch %t {
      // expected-note @+1 {{used here}}
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    %u = sched.prefetch %ids of layer 3 in @experts : tensor<?x2xi32>
    sched.launch %u {
      // expected-error @+1 {{'moe.experts' op uses a bank of layer 2 as one of layer 3}}
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @cache_c5_layer family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x4xf32> from [#moe.random<3, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 2 in @experts : tensor<?x2xi32>
    sched.launch %t {
      // expected-note @+1 {{used here}}
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    %u = sched.prefetch %ids of layer 2 in @experts : tensor<?x2xi32>
    sched.launch %u {
      // expected-error @+1 {{'moe.experts' op uses a second bank of layer 2}}
      %y = moe.experts %x to %ids, %w gate @g1 up @g1 down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @cache_c6_awaited family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x4xf32> from [#moe.random<3, 0.5 : f32>]
  sched.cache @experts policy "lru" holds 3
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %other: tensor<?x2xi32>) {
    %t = sched.prefetch %ids of layer 5 in @experts : tensor<?x2xi32>
    sched.await %t
    %u = sched.prefetch %other of layer 3 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'sched.await' op needs 2 experts for a row when 2 are not released, the cache holds 3}}
    sched.await %u
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %z = moe.experts %x to %other, %w gate @g1 up @g1 down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.release %u
    sched.release %t
    return
  }
}

// -----

moe.model @cache_c6_launched family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @g1 : tensor<8x6x4xf32> from [#moe.random<3, 0.5 : f32>]
  sched.cache @experts policy "lru" holds 3
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %other: tensor<?x2xi32>) {
    %t = sched.prefetch %ids of layer 5 in @experts : tensor<?x2xi32>
    sched.await %t
    %u = sched.prefetch %other of layer 3 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'sched.launch' op needs 2 experts for a row when 2 are not released, the cache holds 3}}
    sched.launch %u {
      %y = moe.experts %x to %other, %w gate @g1 up @g1 down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    sched.release %t
    return
  }
}

// -----

moe.model @cache_c7_layer family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %logits: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'sched.predict' op has scores of 8 experts when layer 4 has 0}}
    %next, %sure = sched.predict %logits for layer 4 choosing 2 top 4 by "pattern" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    %t = sched.prefetch %ids of layer 3 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @cache_c7_experts family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<7x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<7x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %logits: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'sched.predict' op has scores of 8 experts when layer 4 has 7}}
    %next, %sure = sched.predict %logits for layer 4 choosing 2 top 4 by "pattern" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    %t = sched.prefetch %ids of layer 4 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @cache_c7_chosen family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %logits: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'sched.predict' op says that a row chooses 3 experts when a row of layer 4 chooses 2}}
    %next, %sure = sched.predict %logits for layer 4 choosing 3 top 4 by "pattern" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    %t = sched.prefetch %ids of layer 4 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}
