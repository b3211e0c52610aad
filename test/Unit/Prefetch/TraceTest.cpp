//===- TraceTest.cpp - what a routing trace holds, and what is none -------===//
#include "TraceBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "moe/Analysis/ModelFacts.h"
#include "moert/abi/routing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <limits>

using namespace moe;
using testing::HasSubstr;

namespace {

/// Where the parts of a file of the default options lie.
constexpr size_t headerBytes = sizeof(moert_routing_header_t);

std::string getMessage(const std::string &bytes) {
  auto trace = RoutingTrace::parse(bytes);
  if (trace) {
    ADD_FAILURE() << "was read";
    return "";
  }
  std::string message = llvm::toString(trace.takeError());
  EXPECT_EQ(message.find('\n'), message.npos) << message;
  return message;
}

/// A file with some bytes replaced.
template <typename T>
std::string patch(std::string bytes, size_t offset, const T &value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
  return bytes;
}
#define FIELD(name) offsetof(moert_routing_header_t, name)

RoutingTrace makeSmall(int64_t guesses = 0) {
  TraceOptions options;
  options.layers = 2;
  options.rows = 3;
  options.guesses = guesses;
  return makeTrace(options);
}

TEST(TraceTest, IsReadAsItWasWritten) {
  TraceOptions options;
  options.guesses = 3;
  options.rowsPerForward = 4;
  RoutingTrace trace = makeTrace(options);
  trace.layers = {1, 2, 5, 2147483646};
  trace.model = 0x123456789abcdef0;
  TraceFile file(toBytes(trace));
  auto read = RoutingTrace::read(file.getPath());
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->path, file.getPath());
  EXPECT_EQ(read->modelName, "made-up");
  EXPECT_EQ(read->predictor, "noise");
  EXPECT_EQ(read->model, trace.model);
  EXPECT_EQ(read->layers, trace.layers);
  EXPECT_EQ(read->experts, 8);
  EXPECT_EQ(read->chosen, 2);
  EXPECT_EQ(read->guesses, 3);
  ASSERT_EQ(read->rows.size(), 64u);
  EXPECT_EQ(read->rows[63].forward, 15);
  EXPECT_EQ(read->rows[63].position, 63);
  EXPECT_EQ(read->rows[63].token, 63);
  EXPECT_EQ(read->logits, trace.logits);
  EXPECT_EQ(read->choices, trace.choices);
  EXPECT_EQ(read->weights, trace.weights);
  EXPECT_EQ(read->guessed, trace.guessed);
  EXPECT_EQ(read->confidence, trace.confidence);
}

TEST(TraceTest, ASliceHasItsRowsAlone) {
  RoutingTrace trace = makeTrace({});
  RoutingTrace part = trace.slice(10, 12);
  ASSERT_EQ(part.rows.size(), 2u);
  EXPECT_EQ(part.rows[1].position, 11);
  ASSERT_EQ(part.logits.size(), 4u);
  ASSERT_EQ(part.logits[3].size(), 16u);
  EXPECT_EQ(part.logits[3][8], trace.logits[3][11 * 8]);
  ASSERT_EQ(part.choices[1].size(), 4u);
  EXPECT_EQ(part.choices[1][0], trace.choices[1][20]);
  EXPECT_EQ(trace.slice(60, 100).rows.size(), 4u);
  EXPECT_EQ(trace.slice(100, 200).rows.size(), 0u);
  EXPECT_EQ(trace.slice(20, 10).rows.size(), 0u);
}

//===----------------------------------------------------------------------===//
// What is no trace
//===----------------------------------------------------------------------===//

TEST(TraceTest, RefusesOtherFiles) {
  EXPECT_EQ(getMessage(""),
            "has 0 bytes, the header of a routing trace has 152");
  std::string good = toBytes(makeSmall());
  EXPECT_EQ(getMessage(good.substr(0, 151)),
            "has 151 bytes, the header of a routing trace has 152");
  EXPECT_EQ(getMessage(patch(good, 0, '\n')),
            "begins with '\\0AOEROUT\\1A', a routing trace with "
            "'MOEROUT\\1A'");
  EXPECT_EQ(getMessage(patch(good, FIELD(version), uint32_t(2))),
            "is a routing trace of version 2, this build reads version 1");
  EXPECT_EQ(getMessage(patch(good, FIELD(reserved), uint32_t(7))),
            "has 7 in a reserved field, must be 0");
}

TEST(TraceTest, NamesTheFile) {
  TraceFile file("MOE");
  std::string message =
      llvm::toString(RoutingTrace::read(file.getPath()).takeError());
  EXPECT_EQ(message, file.getPath() + ": has 3 bytes, the header of a routing "
                                      "trace has 152");
  message = llvm::toString(RoutingTrace::read("no/such").takeError());
  EXPECT_EQ(message, "no/such: no such file or directory");
  message = llvm::toString(RoutingTrace::read(".").takeError());
  EXPECT_EQ(message, ".: is not a regular file");
}

TEST(TraceTest, RefusesNamesWithoutEnd) {
  std::string bytes = toBytes(makeSmall());
  std::memset(bytes.data() + FIELD(model_name), 'x', 64);
  EXPECT_EQ(getMessage(bytes), "name of the model has no end within 64 bytes");
  bytes = toBytes(makeSmall());
  std::memset(bytes.data() + FIELD(predictor), 'x', 32);
  EXPECT_EQ(getMessage(bytes),
            "name of the predictor has no end within 32 bytes");
}

TEST(TraceTest, RefusesSizesOutOfBounds) {
  std::string good = toBytes(makeSmall());
  auto message = [&](size_t offset, uint32_t value) {
    return getMessage(patch(good, offset, value));
  };
  EXPECT_EQ(message(FIELD(layers), 0),
            "has 0 layers with experts, must be between 1 and 65536");
  EXPECT_EQ(message(FIELD(layers), 65537),
            "has 65537 layers with experts, must be between 1 and 65536");
  EXPECT_EQ(message(FIELD(experts), 0),
            "has 0 experts, must be between 1 and 4096");
  EXPECT_EQ(message(FIELD(experts), 0xffffffff),
            "has 4294967295 experts, must be between 1 and 4096");
  EXPECT_EQ(message(FIELD(chosen), 0),
            "has 0 experts per row, must be between 1 and 8");
  EXPECT_EQ(message(FIELD(chosen), 9),
            "has 9 experts per row, must be between 1 and 8");
  EXPECT_EQ(message(FIELD(guesses), 9),
            "has 9 guesses per row, must be between 0 and 8");
}

TEST(TraceTest, RefusesSizesThatDoNotFit) {
  std::string good = toBytes(makeSmall());
  // 16 + 2 layers * (8 logits + 2 chosen + 2 weights) * 4
  EXPECT_EQ(getMessage(patch(good, FIELD(record_bytes), uint64_t(111))),
            "has records of 111 bytes, their parts have 112");
  EXPECT_EQ(getMessage(patch(good, FIELD(chosen), uint32_t(3))),
            "has records of 112 bytes, their parts have 128");
  EXPECT_EQ(getMessage(patch(good, FIELD(records), uint64_t(0))),
            "has 0 rows, must be at least 1");
  EXPECT_EQ(getMessage(patch(good, FIELD(records), uint64_t(4))),
            "has 496 bytes, 4 rows of 112 bytes behind the first 160 need 608");
  EXPECT_EQ(getMessage(patch(good, FIELD(records), ~uint64_t(0))),
            "has 496 bytes, 18446744073709551615 rows of 112 bytes behind the "
            "first 160 overflow 64 bits");
  // 3 * 112 + 160 = 496 = (3 + 2^60) * 112 + 160 modulo 2^64
  EXPECT_THAT(getMessage(patch(good, FIELD(records), 3 + (uint64_t(1) << 60))),
              HasSubstr("overflow 64 bits"));
}

/// Every file that ends too early, and one that does not end.
TEST(TraceTest, RefusesTruncatedFilesAndTrailingBytes) {
  std::string good = toBytes(makeSmall());
  for (size_t size = headerBytes; size < good.size(); ++size)
    EXPECT_EQ(getMessage(good.substr(0, size)),
              "has " + std::to_string(size) +
                  " bytes, 3 rows of 112 bytes behind the first 160 need 496");
  EXPECT_EQ(getMessage(good + '\0'),
            "has 497 bytes, 3 rows of 112 bytes behind the first 160 need 496");
}

TEST(TraceTest, RefusesLayersThatDoNotAscend) {
  std::string good = toBytes(makeSmall());
  EXPECT_EQ(getMessage(patch(good, headerBytes, int32_t(-1))),
            "layer with experts 0 is decoder layer -1, must be at least 0 and "
            "below 2147483647");
  EXPECT_EQ(getMessage(patch(good, headerBytes + 4, int32_t(0))),
            "layer with experts 1 is decoder layer 0, must be at least 1 and "
            "below 2147483647");
  EXPECT_EQ(getMessage(patch(good, headerBytes, 2147483647)),
            "layer with experts 0 is decoder layer 2147483647, must be at "
            "least 0 and below 2147483647");
}

/// One thing is wrong in row 1 or layer 1.
template <typename Change>
std::string getMessageOf(Change change, int64_t guesses = 2) {
  RoutingTrace trace = makeSmall(guesses);
  change(trace);
  return getMessage(toBytes(trace));
}

TEST(TraceTest, RefusesRowsOfNowhere) {
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.rows[1].token = -5; }),
            "row 1 has token -5, sequence 0 and position 1, none may be below "
            "0");
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.rows[1].sequence = -1; }),
            "row 1 has token 1, sequence -1 and position 1, none may be below "
            "0");
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.rows[1].position = -2; }),
            "row 1 has token 1, sequence 0 and position -2, none may be below "
            "0");
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.rows[0].forward = -1; }),
            "row 0 is of forward -1, must be at least 0");
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.rows[2].forward = 0; }),
            "row 2 is of forward 0, must be at least 1");
}

TEST(TraceTest, RefusesExpertsThatAreNot) {
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.choices[1][3] = 8; }),
            "row 1 chooses expert 8 in layer 1, there are 8");
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.choices[1][3] = -1; }),
            "row 1 chooses expert -1 in layer 1, there are 8");
  EXPECT_EQ(getMessageOf([](auto &trace) {
              trace.choices[0][2] = trace.choices[0][3] = 5;
            }),
            "row 1 chooses expert 5 twice in layer 0");
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.guessed[1][3] = 8; }),
            "row 1 guesses expert 8 in layer 1, there are 8");
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.guessed[1][3] = -2; }),
            "row 1 guesses expert -2 in layer 1, there are 8");
  EXPECT_EQ(getMessageOf([](auto &trace) {
              trace.guessed[0][2] = trace.guessed[0][3] = 0;
            }),
            "row 1 guesses expert 0 twice in layer 0");
}

TEST(TraceTest, RefusesNumbersThatAreNone) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.logits[1][11] = nan; }),
            "row 1 has logit 3 that is not finite in layer 1");
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.logits[0][0] = infinity; }),
            "row 0 has logit 0 that is not finite in layer 0");
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.weights[1][3] = -infinity; }),
            "row 1 has weight 1 that is not finite in layer 1");
  EXPECT_EQ(getMessageOf([](auto &trace) { trace.confidence[1][2] = 1.5f; }),
            "row 1 has a guess with confidence 1.500000e+00 in layer 1, must "
            "be between 0 and 1");
  EXPECT_THAT(getMessageOf([](auto &trace) { trace.confidence[1][2] = nan; }),
              HasSubstr("confidence nan"));
}

/// A layer that nobody guessed has no experts there, and anything beside it.
TEST(TraceTest, TakesGuessesThatAreMissing) {
  RoutingTrace trace = makeSmall(2);
  trace.guessed[0].assign(6, -1);
  trace.confidence[0].assign(6, std::numeric_limits<float>::quiet_NaN());
  auto read = RoutingTrace::parse(toBytes(trace));
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->guessed, trace.guessed);
}

//===----------------------------------------------------------------------===//
// Whose trace it is
//===----------------------------------------------------------------------===//

constexpr char model[] = R"mlir(
moe.model @made_up family "null" context 16 vocabulary 8 from "." {
  moe.weight @embed : tensor<8x4xf32> from [#moe.splat<1.0 : f32>]
  moe.weight @router : tensor<8x4xf32> from [#moe.random<1, 0.5 : f32>]
  moe.weight @gate : tensor<8x6x4xf32> from [#moe.random<2, 0.5 : f32>]
  moe.weight @up : tensor<8x6x4xf32> from [#moe.random<3, 0.5 : f32>]
  moe.weight @down : tensor<8x4x6xf32> from [#moe.random<4, 0.5 : f32>]
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>,
      %positions: tensor<?xi32>, %wanted: tensor<?xi32>,
      %kv0: !moe.kv<1 x 1 x 4 x f32>)
      -> (tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x4xf32>
    %kv = moe.kv_append %x, %x into %kv0 layer 0 at %sequences, %positions
      : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %a = moe.attention %x over %kv layer 0 at %sequences, %positions heads 1
      scale 1.0 : tensor<?x4xf32>, tensor<?xi32>, !moe.kv<1 x 1 x 4 x f32>
    %logits = moe.linear %a by @router : tensor<?x4xf32> -> tensor<?x8xf32>
    %ids, %w = moe.route %logits top 2 softmax scale 1.0
      : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %y = moe.experts %a to %ids, %w gate @gate up @up down @down silu
      : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %last = moe.pick %y rows %wanted
      : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
    %out = moe.linear %last by @embed : tensor<?x4xf32> -> tensor<?x8xf32>
    return %out, %kv : tensor<?x8xf32>, !moe.kv<1 x 1 x 4 x f32>
  }
}
)mlir";

class TraceModelTest : public testing::Test {
protected:
  TraceModelTest() {
    context.loadDialect<MoeDialect, mlir::func::FuncDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(model, &context);
    EXPECT_TRUE(module);
    if (module)
      op = *module->getOps<ModelOp>().begin();
  }
  RoutingTrace makeFitting() {
    TraceOptions options;
    options.layers = 1;
    options.rows = 2;
    RoutingTrace trace = makeTrace(options);
    trace.path = "a.trace";
    trace.model = llvm::cantFail(ModelFacts::get(op)).getFingerprint(op);
    return trace;
  }
  std::string getMessage(const RoutingTrace &trace) {
    llvm::Error error = trace.verifyModel(op);
    EXPECT_TRUE(bool(error));
    return llvm::toString(std::move(error));
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelOp op;
};

TEST_F(TraceModelTest, TakesItsOwnModel) {
  llvm::Error error = makeFitting().verifyModel(op);
  EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
}

/// The runtime writes the same number, from a module's metadata.
TEST_F(TraceModelTest, KnowsModelsByTheirFingerprint) {
  auto facts = llvm::cantFail(ModelFacts::get(op));
  EXPECT_EQ(facts.getFingerprintText(op), "made_up;null;8;4;1;8;2");
  // XXH3-64 by another implementation.
  EXPECT_EQ(facts.getFingerprint(op), 0xe19694cb0ade9009u);
}

TEST_F(TraceModelTest, RefusesOtherModels) {
  RoutingTrace trace = makeFitting();
  trace.model = 0xabc;
  EXPECT_THAT(getMessage(trace),
              testing::AllOf(
                  HasSubstr("a.trace: is of model 'made-up' with fingerprint "
                            "ABC, 'made_up' has "),
                  HasSubstr(", of 'made_up;null;8;4;1;8;2'")));
  trace = makeFitting();
  trace.experts = 16;
  EXPECT_EQ(getMessage(trace),
            "a.trace: is of model 'made-up', which has 16 experts and chooses "
            "2; 'made_up' has 8 and chooses 2");
  trace = makeFitting();
  trace.layers = {3};
  EXPECT_EQ(getMessage(trace),
            "a.trace: has experts in the decoder layers 3; 'made_up' has them "
            "in 0");
}

} // namespace
