// RUN: moe-opt %s -split-input-file -verify-diagnostics

moe.model @token_c1_await family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%t: !sched.token) {
    // expected-error @+1 {{'sched.await' op takes a token that is not the result of a sched.prefetch}}
    sched.await %t
    return
  }
}

// -----

moe.model @token_c1_release family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%t: !sched.token) {
    // expected-error @+1 {{'sched.release' op takes a token that is not the result of a sched.prefetch}}
    sched.release %t
    return
  }
}

// -----

moe.model @token_c1_cancel family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%t: !sched.token) {
    // expected-error @+1 {{'sched.cancel' op takes a token that is not the result of a sched.prefetch}}
    sched.cancel %t
    return
  }
}

// -----

moe.model @token_c1_launch family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %t: !sched.token) {
    // expected-error @+1 {{'sched.launch' op takes a token that is not the result of a sched.prefetch}}
    %rt = sched.launch %t : tensor<?x4xf32> {
      %yt = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %yt : tensor<?x4xf32>
    }
    return
  }
}

// -----

moe.model @token_c1_joined family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %t: !sched.token) {
    // expected-error @+1 {{'sched.prefetch' op takes a token that is not the result of a sched.prefetch}}
    %u = sched.prefetch %ids of layer 0 in @experts joining %t : tensor<?x2xi32>
    sched.cancel %u
    return
  }
}

// -----

moe.model @prefetch_c1_threshold family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'sched.prefetch' op has 1 confidences and 0 thresholds}}
    %g = "sched.prefetch"(%ids, %w) <{layer = 0, cache = @experts, operandSegmentSizes = array<i32: 1, 1, 0>}>
      : (tensor<?x2xi32>, tensor<?x2xf32>) -> !sched.token
    sched.cancel %g
    return
  }
}

// -----

moe.model @prefetch_c1_confidence family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-error @+1 {{'sched.prefetch' op has 0 confidences and 1 thresholds}}
    %g = "sched.prefetch"(%ids) <{layer = 0, cache = @experts, threshold = 0.5, operandSegmentSizes = array<i32: 1, 0, 0>}>
      : (tensor<?x2xi32>) -> !sched.token
    sched.cancel %g
    return
  }
}

// -----

moe.model @prefetch_c1_columns family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %logits: tensor<?x8xf32>) {
    // expected-error @+1 {{'sched.prefetch' op confidence has 8 columns for 2 experts}}
    %g = sched.prefetch %ids confident %logits above 0.5 of layer 0 in @experts : tensor<?x2xi32>, tensor<?x8xf32>
    sched.cancel %g
    return
  }
}

// -----

moe.model @prefetch_c1_rows family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<3x2xi32>, %w: tensor<4x2xf32>) {
    // expected-error @+1 {{'sched.prefetch' op 'confidence' has 4 rows when 'experts' has 3}}
    %g = sched.prefetch %ids confident %w above 0.5 of layer 0 in @experts : tensor<3x2xi32>, tensor<4x2xf32>
    sched.cancel %g
    return
  }
}

// -----

moe.model @prefetch_c1_range family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'sched.prefetch' op threshold is 1.5 when it should lie between 0.0 and 1.0}}
    %g = sched.prefetch %ids confident %w above 1.5 of layer 0 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    sched.cancel %g
    return
  }
}

// -----

moe.model @prefetch_c1_number family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'sched.prefetch' op threshold is nan when it should lie between 0.0 and 1.0}}
    %g = sched.prefetch %ids confident %w above 0x7FF8000000000000 of layer 0 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    sched.cancel %g
    return
  }
}

// -----

moe.model @prefetch_c2_guess family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %g = sched.prefetch %ids confident %w above 0.5 of layer 0 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @+1 {{'sched.prefetch' op is a guess when only a wanted fetch joins another}}
    %h = sched.prefetch %ids confident %w above 0.5 of layer 0 in @experts joining %g : tensor<?x2xi32>, tensor<?x2xf32>
    sched.cancel %h
    return
  }
}

// -----

moe.model @prefetch_c2_wanted family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-note @+1 {{joined fetch}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'sched.prefetch' op joins a wanted fetch when only a guess is joined}}
    %u = sched.prefetch %ids of layer 0 in @experts joining %t : tensor<?x2xi32>
    sched.cancel %u
    return
  }
}

// -----

moe.model @prefetch_c2_layer family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-note @+1 {{joined fetch}}
    %g = sched.prefetch %ids confident %w above 0.5 of layer 3 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @+1 {{'sched.prefetch' op of layer 4 joins a guess of layer 3}}
    %u = sched.prefetch %ids of layer 4 in @experts joining %g : tensor<?x2xi32>
    sched.cancel %u
    return
  }
}

// -----

moe.model @prefetch_c3_missing family "null" context 16 vocabulary 8 from "." {
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-error @+1 {{'sched.prefetch' op cache @experts is not declared in the model}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    sched.cancel %t
    return
  }
}

// -----

moe.model @prefetch_c3_kind family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @experts : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-error @+1 {{'sched.prefetch' op cache @experts is a moe.weight when it should be a sched.cache}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    sched.cancel %t
    return
  }
}

// -----

moe.model @prefetch_c3_entries family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  sched.cache @experts policy "lru" holds 1
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-error @+1 {{'sched.prefetch' op wants 2 experts for a row, the cache holds 1}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    sched.cancel %t
    return
  }
}

// -----

moe.model @prefetch_c4_endless family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-error @+1 {{'sched.prefetch' op token ends 0 times when it should end once}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    return
  }
}

// -----

moe.model @prefetch_c4_unreleased family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-error @+1 {{'sched.prefetch' op token ends 0 times when it should end once}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-note @+1 {{used here}}
    sched.await %t
    return
  }
}

// -----

moe.model @prefetch_c4_twice family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-error @+1 {{'sched.prefetch' op token ends 2 times when it should end once}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-note @+1 {{used here}}
    sched.await %t
    // expected-note @+1 {{used here}}
    sched.release %t
    // expected-note @+1 {{used here}}
    sched.release %t
    return
  }
}

// -----

moe.model @prefetch_c4_joined_and_cancelled family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'sched.prefetch' op token ends 2 times when it should end once}}
    %g = sched.prefetch %ids confident %w above 0.5 of layer 0 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-note @+1 {{used here}}
    %t = sched.prefetch %ids of layer 0 in @experts joining %g : tensor<?x2xi32>
    // expected-note @+1 {{used here}}
    sched.cancel %g
    sched.cancel %t
    return
  }
}

// -----

moe.model @prefetch_c4_launched_and_released family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'sched.prefetch' op token ends 2 times when it should end once}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-note @+1 {{used here}}
    %rt = sched.launch %t : tensor<?x4xf32> {
      %yt = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %yt : tensor<?x4xf32>
    }
    // expected-note @+1 {{used here}}
    sched.release %t
    return
  }
}

// -----

moe.model @prefetch_c4_awaited_twice family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-error @+1 {{'sched.prefetch' op token is awaited 2 times when it should be awaited once}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-note @+1 {{used here}}
    sched.await %t
    // expected-note @+1 {{used here}}
    sched.await %t
    // expected-note @+1 {{used here}}
    sched.release %t
    return
  }
}

// -----

moe.model @prefetch_c4_awaited_and_launched family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'sched.prefetch' op token is awaited and ends with sched.launch when it should end with sched.release}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-note @+1 {{used here}}
    sched.await %t
    // expected-note @+1 {{used here}}
    %rt = sched.launch %t : tensor<?x4xf32> {
      %yt = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %yt : tensor<?x4xf32>
    }
    return
  }
}

// -----

moe.model @prefetch_c4_awaited_and_cancelled family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-error @+1 {{'sched.prefetch' op token is awaited and ends with sched.cancel when it should end with sched.release}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-note @+1 {{used here}}
    sched.await %t
    // expected-note @+1 {{used here}}
    sched.cancel %t
    return
  }
}

// -----

moe.model @prefetch_c4_guess_awaited family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-note @+1 {{guessed here}}
    %g = sched.prefetch %ids confident %w above 0.5 of layer 0 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @+1 {{'sched.await' op takes a guess when it should take a wanted fetch}}
    sched.await %g
    sched.release %g
    return
  }
}

// -----

moe.model @prefetch_c4_guess_launched family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-note @+1 {{guessed here}}
    %g = sched.prefetch %ids confident %w above 0.5 of layer 0 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @+1 {{'sched.launch' op takes a guess when it should take a wanted fetch}}
    %rg = sched.launch %g : tensor<?x4xf32> {
      %yg = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %yg : tensor<?x4xf32>
    }
    return
  }
}

// -----

moe.model @prefetch_c4_guess_released family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-note @+1 {{guessed here}}
    %g = sched.prefetch %ids confident %w above 0.5 of layer 0 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @+1 {{'sched.release' op takes a guess when it should take a wanted fetch}}
    sched.release %g
    return
  }
}

// -----

// A token stays in the block of its fetch: there is no way past its end.
moe.model @prefetch_c4_block family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %u = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-note @+1 {{fetched here}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    sched.launch %u {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      // expected-error @+1 {{'sched.cancel' op lies in another block than the fetch of its token}}
      sched.cancel %t
    }
    return
  }
}

// -----

moe.model @prefetch_c4_returned family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) -> !sched.token {
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'func.return' op takes a token, which is only awaited and released, launched, joined or cancelled}}
    return %t : !sched.token
  }
}

// -----

moe.model @prefetch_c5 family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    // expected-error @+1 {{'sched.prefetch' op layer is -1 when it should be at least 0}}
    %t = sched.prefetch %ids of layer -1 in @experts : tensor<?x2xi32>
    sched.cancel %t
    return
  }
}

// -----

moe.model @prefetch_c6 family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%logits: tensor<?x8xf32>) {
    // expected-note @+1 {{guessed here}}
    %next, %sure = sched.predict %logits for layer 4 choosing 2 top 1 by "p" calibrated [1.0, 0.0]
      : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    // expected-error @+1 {{'sched.prefetch' op is of layer 5 when its experts are guessed for layer 4}}
    %g = sched.prefetch %next confident %sure above 0.5 of layer 5 in @experts : tensor<?x1xi32>, tensor<?x1xf32>
    sched.cancel %g
    return
  }
}

// -----

moe.model @release_c1_never family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'sched.release' op releases a fetch that is not awaited before}}
    sched.release %t
    return
  }
}

// -----

moe.model @release_c1_before family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'sched.release' op releases a fetch that is not awaited before}}
    sched.release %t
    // expected-note @+1 {{awaited here}}
    sched.await %t
    return
  }
}

// -----

moe.model @launch_c1_none family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>) {
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'sched.launch' op has 0 moe.experts in its body when it should have 1}}
    sched.launch %t {
    }
    return
  }
}

// -----

moe.model @launch_c1_two family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'sched.launch' op has 2 moe.experts in its body when it should have 1}}
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      %z = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @launch_c1_choice family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %other: tensor<?x2xi32>) {
    // expected-note @+1 {{fetched here}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    sched.launch %t {
      // expected-error @+1 {{'moe.experts' op makes another choice than the fetch that it is launched on}}
      %y = moe.experts %x to %other, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @launch_c2 family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'sched.launch' op body yields ('tensor<?x4xf32>') when the results are ('tensor<?x5xf32>')}}
    %rt = sched.launch %t : tensor<?x5xf32> {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      sched.yield %y : tensor<?x4xf32>
    }
    return
  }
}

// -----

moe.model @launch_c3 family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %logits: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    sched.launch %t {
      %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      // expected-error @+1 {{'sched.record' op has an effect in the body of a sched.launch}}
      sched.record %logits, %ids, %w of layer 0 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    return
  }
}

// -----

moe.model @launch_arguments family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @d : tensor<8x4x6xf32> from [#moe.random<2, 0.5 : f32>]
  sched.cache @experts policy "lru"
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'sched.launch' op region should have no arguments}}
    "sched.launch"(%t) ({
    ^bb0(%a: tensor<?x4xf32>):
      %y = moe.experts %a to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
      "sched.yield"() : () -> ()
    }) : (!sched.token) -> ()
    return
  }
}

// -----

moe.model @types_choice family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x?xi32>) {
    // expected-error @+1 {{'sched.prefetch' op operand #0 must be 2D tensor with a static second dimension of 32-bit signless integer values, but got 'tensor<?x?xi32>'}}
    %t = sched.prefetch %ids of layer 0 in @experts : tensor<?x?xi32>
    sched.cancel %t
    return
  }
}

// -----

// expected-error @+1 {{'sched.cache' op expects parent op 'moe.model'}}
sched.cache @experts policy "lru"

// -----

// A cancel passes on only what comes from a fetch.
moe.model @token_c1_left family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>, %t: !sched.token) {
    // expected-error @+1 {{'sched.cancel' op takes a token that is not the result of a sched.prefetch}}
    %a = sched.cancel %t unless %rows : !sched.token
    sched.cancel %a
    return
  }
}

// -----

// Nor do cancels that pass a token around.
moe.model @token_c1_ring family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>) {
    // expected-error @+1 {{'sched.cancel' op takes a token that is not the result of a sched.prefetch}}
    %a = sched.cancel %b unless %rows : !sched.token
    %b = sched.cancel %a unless %rows : !sched.token
    return
  }
}

// -----

// A guess that rows may keep is joined by a fetch of its own layer.
moe.model @prefetch_c2_layer_left family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>) {
    // expected-note @+1 {{joined fetch}}
    %g = sched.prefetch %ids confident %w above 0.5 of layer 3 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    %h = sched.cancel %g unless %rows : !sched.token
    // expected-error @+1 {{'sched.prefetch' op of layer 4 joins a guess of layer 3}}
    %u = sched.prefetch %ids of layer 4 in @experts joining %h : tensor<?x2xi32>
    sched.cancel %u
    return
  }
}

// -----

// What is left of a guess ends, too.
moe.model @prefetch_c4_left_endless family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>) {
    %g = sched.prefetch %ids confident %w above 0.5 of layer 3 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @+1 {{'sched.cancel' op token ends 0 times when it should end once}}
    %h = sched.cancel %g unless %rows : !sched.token
    return
  }
}

// -----

moe.model @prefetch_c4_left_twice family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>) {
    %g = sched.prefetch %ids confident %w above 0.5 of layer 3 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @+1 {{'sched.cancel' op token ends 2 times when it should end once}}
    %h = sched.cancel %g unless %rows : !sched.token
    // expected-note @+1 {{used here}}
    %i = sched.cancel %h unless %rows : !sched.token
    // expected-note @+1 {{used here}}
    sched.cancel %h
    sched.cancel %i
    return
  }
}

// -----

moe.model @prefetch_c4_left_and_fetch family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>) {
    // expected-error @+1 {{'sched.prefetch' op token ends 2 times when it should end once}}
    %g = sched.prefetch %ids confident %w above 0.5 of layer 3 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-note @+1 {{used here}}
    %h = sched.cancel %g unless %rows : !sched.token
    // expected-note @+1 {{used here}}
    sched.cancel %g
    sched.cancel %h
    return
  }
}

// -----

moe.model @prefetch_c4_left_awaited family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>) {
    // expected-note @+1 {{guessed here}}
    %g = sched.prefetch %ids confident %w above 0.5 of layer 3 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    %h = sched.cancel %g unless %rows : !sched.token
    // expected-error @+1 {{'sched.await' op takes a guess when it should take a wanted fetch}}
    sched.await %h
    sched.release %h
    return
  }
}

// -----

moe.model @cancel_c1_result family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>) {
    %g = sched.prefetch %ids confident %w above 0.5 of layer 3 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @+1 {{'sched.cancel' op has 0 results and 1 sets of rows}}
    "sched.cancel"(%g, %rows) : (!sched.token, tensor<?xi32>) -> ()
    return
  }
}

// -----

moe.model @cancel_c1_rows family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    %g = sched.prefetch %ids confident %w above 0.5 of layer 3 in @experts : tensor<?x2xi32>, tensor<?x2xf32>
    // expected-error @+1 {{'sched.cancel' op has 1 results and 0 sets of rows}}
    %h = "sched.cancel"(%g) : (!sched.token) -> !sched.token
    sched.cancel %h
    return
  }
}

// -----

moe.model @cancel_c2 family "null" context 16 vocabulary 8 from "." {
  sched.cache @experts policy "lru"
  func.func @f(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %rows: tensor<?xi32>) {
    // expected-note @+1 {{fetched here}}
    %t = sched.prefetch %ids of layer 3 in @experts : tensor<?x2xi32>
    // expected-error @+1 {{'sched.cancel' op takes a wanted fetch when rows may keep only a guess}}
    %h = sched.cancel %t unless %rows : !sched.token
    sched.cancel %h
    return
  }
}
