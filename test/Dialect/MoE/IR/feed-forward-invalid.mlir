// RUN: moe-opt %s -split-input-file -verify-diagnostics

moe.model @mlp_c1_gate family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @g : tensor<6x5xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.mlp' op gate @g is 6x5 when it should be ?x4}}
    %y = moe.mlp %x gate @g up @g down @g silu : tensor<?x4xf32>
    return
  }
}

// -----

moe.model @mlp_c1_up family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<6x4xf32> from [#moe.splat<1.0 : f32>]
  // expected-note @+1 {{declared here}}
  moe.weight @u : tensor<7x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.mlp' op up @u is 7x4 when it should be 6x4}}
    %y = moe.mlp %x gate @g up @u down @g silu : tensor<?x4xf32>
    return
  }
}

// -----

moe.model @mlp_c2 family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @g : tensor<6x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.mlp' op down @g is 6x4 when it should be 4x6}}
    %y = moe.mlp %x gate @g up @g down @g silu : tensor<?x4xf32>
    return
  }
}

// -----

moe.model @mlp_c3 family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<6x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<4x6xf32> from [#moe.splat<1.0 : f32>]
  // expected-note @+1 {{declared here}}
  moe.weight @s : tensor<4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>) {
    // expected-error @+1 {{'moe.mlp' op shared gate @s is 4 when it should be 1x4}}
    %y = moe.mlp %x gate @g up @g down @d silu gated by @s : tensor<?x4xf32>
    return
  }
}

// -----

func.func @route_c1_many(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{'moe.route' op 9 experts requested, there are 8}}
  %ids, %w = moe.route %l top 9 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x9xi32>, tensor<?x9xf32>
  return
}

// -----

func.func @route_c1_none(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{'moe.route' op 0 experts requested, there are 8}}
  %ids, %w = moe.route %l top 0 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  return
}

// -----

func.func @route_c2_experts(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{'moe.route' op a result has 3 columns when k is 2}}
  %ids, %w = moe.route %l top 2 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c2_weights(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{'moe.route' op a result has 1 columns when k is 2}}
  %ids, %w = moe.route %l top 2 softmax scale 1.0 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x1xf32>
  return
}

// -----

func.func @route_c3(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{'moe.route' op scale is inf when it should be finite}}
  %ids, %w = moe.route %l top 2 softmax scale 0x7FF0000000000000 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c4(%l: tensor<3x8xf32>) {
  // expected-error @+1 {{'moe.route' op 'weights' has 4 rows when 'logits' has 3}}
  %ids, %w = moe.route %l top 2 softmax scale 1.0 : tensor<3x8xf32> -> tensor<?x2xi32>, tensor<4x2xf32>
  return
}

// -----

moe.model @experts_c1_gate family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @g : tensor<6x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'moe.experts' op gate @g is 6x4 when it should be ?x?x4}}
    %y = moe.experts %x to %ids, %w gate @g up @g down @g silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}

// -----

moe.model @experts_c1_up family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<8x6x4xf32> from [#moe.splat<1.0 : f32>]
  // expected-note @+1 {{declared here}}
  moe.weight @u : tensor<7x6x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'moe.experts' op up @u is 7x6x4 when it should be 8x6x4}}
    %y = moe.experts %x to %ids, %w gate @g up @u down @g silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}

// -----

moe.model @experts_c2 family "null" context 16 vocabulary 8 from "." {
  // expected-note @+1 {{declared here}}
  moe.weight @g : tensor<8x6x4xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'moe.experts' op down @g is 8x6x4 when it should be 8x4x6}}
    %y = moe.experts %x to %ids, %w gate @g up @g down @g silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}

// -----

func.func @experts_c3(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x3xf32>) {
  // expected-error @+1 {{'moe.experts' op a row has 3 weights for 2 experts}}
  %y = moe.experts %x to %ids, %w gate @g up @g down @g silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x3xf32>
  return
}

// -----

moe.model @experts_c4 family "null" context 16 vocabulary 8 from "." {
  moe.weight @g : tensor<1x6x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @d : tensor<1x4x6xf32> from [#moe.splat<1.0 : f32>]
  func.func @f(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
    // expected-error @+1 {{'moe.experts' op a row chooses 2 experts, there are 1}}
    %y = moe.experts %x to %ids, %w gate @g up @g down @d silu : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    return
  }
}

// -----

func.func @experts_c5(%x: tensor<3x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<2x2xf32>) {
  // expected-error @+1 {{'moe.experts' op 'weights' has 2 rows when 'input' has 3}}
  %y = moe.experts %x to %ids, %w gate @g up @g down @g silu : tensor<3x4xf32>, tensor<?x2xi32>, tensor<2x2xf32>
  return
}
