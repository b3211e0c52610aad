//===- TinyMoeTest.cpp - the oracle against models/tiny-moe/goldens -------===//
//
// The goldens come from a float64 forward pass in NumPy that shares no code
// with this project, rounded to float32 when stored. Importer, weights and
// evaluator must all be right for the logits to agree.
//===----------------------------------------------------------------------===//
#include "moe/Reference/Evaluator.h"

#include "mlir/Pass/PassManager.h"
#include "moe/Driver/RegisterDialects.h"
#include "moe/Driver/Registry.h"
#include "moe/Exit/Transforms/Passes.h"
#include "moe/Model/Import.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace moe;
using namespace moe::reference;

namespace {

const std::string checkpoint = MOE_SOURCE_DIR "/models/tiny-moe";
constexpr int prompts = 8, layers = 6;
/// Rounding to float32 changes a number by at most 6e-8 of it.
constexpr double tolerance = 1e-7;

/// All elements of a golden file: float32, int32 or uint8.
std::vector<double> golden(int prompt, llvm::StringRef what) {
  std::string path = checkpoint + "/goldens/prompt" + std::to_string(prompt) +
                     "_" + what.str() + ".npy";
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer) {
    ADD_FAILURE() << path << ": " << buffer.getError().message();
    return {};
  }
  llvm::StringRef bytes = (*buffer)->getBuffer();
  size_t headerSize = 10 + llvm::support::endian::read16le(bytes.data() + 8);
  llvm::StringRef header = bytes.take_front(headerSize);
  bytes = bytes.drop_front(headerSize);
  std::vector<double> values;
  if (header.contains("'|u1'")) {
    for (char byte : bytes)
      values.push_back(uint8_t(byte));
    return values;
  }
  for (; !bytes.empty(); bytes = bytes.drop_front(4)) {
    uint32_t bits = llvm::support::endian::read32le(bytes.data());
    values.push_back(header.contains("'<f4'") ? llvm::bit_cast<float>(bits)
                                              : int32_t(bits));
  }
  return values;
}

/// Of `a` from `b`, as a fraction of the largest magnitude in `b`.
double largestDifference(llvm::ArrayRef<double> a, llvm::ArrayRef<double> b) {
  if (a.size() != b.size() || a.empty()) {
    ADD_FAILURE() << "sizes are " << a.size() << " and " << b.size();
    return INFINITY;
  }
  double difference = 0, magnitude = 0;
  for (auto [x, y] : llvm::zip_equal(a, b)) {
    if (!std::isfinite(x))
      return INFINITY;
    difference = std::max(difference, std::abs(x - y));
    magnitude = std::max(magnitude, std::abs(y));
  }
  return difference / magnitude;
}

class TinyMoe : public testing::Test {
protected:
  static void SetUpTestSuite() {
    mlir::DialectRegistry dialects;
    registerDialects(dialects);
    context = std::make_unique<mlir::MLIRContext>(dialects);
    registerPlugins(registry);
    auto imported = importCheckpoint(checkpoint, registry, *context);
    if (!imported)
      FAIL() << llvm::toString(imported.takeError());
    module = std::move(imported->module);
    // One evaluator for all tests, so that weights are widened once.
    evaluator = std::make_unique<Evaluator>(
        model(), [](mlir::OpResult result, const Value &value) {
          if (observer)
            observer(result, value);
        });
  }
  static void TearDownTestSuite() {
    evaluator = nullptr;
    module = nullptr;
    context = nullptr;
  }
  void TearDown() override { observer = nullptr; }

  static ModelOp model() { return *module->getOps<ModelOp>().begin(); }

  static std::vector<int32_t> ids(int prompt) {
    std::vector<double> values = golden(prompt, "ids");
    return {values.begin(), values.end()};
  }
  static Matrix logits(llvm::ArrayRef<int32_t> tokens) {
    auto result = evaluator->evaluateTokens(tokens);
    if (result)
      return std::move(*result);
    ADD_FAILURE() << llvm::toString(result.takeError());
    return {};
  }

  static inline Registry registry;
  static inline std::unique_ptr<mlir::MLIRContext> context;
  static inline mlir::OwningOpRef<mlir::ModuleOp> module;
  static inline std::unique_ptr<Evaluator> evaluator;
  static inline Evaluator::Observer observer;
};

TEST_F(TinyMoe, Logits) {
  for (int prompt = 0; prompt < prompts; ++prompt)
    EXPECT_LE(
        largestDifference(logits(ids(prompt)).values, golden(prompt, "logits")),
        tolerance)
        << "prompt " << prompt;
}

TEST_F(TinyMoe, ChosenExpertsAndTheirWeights) {
  // The goldens are [token][layer][2], the observer sees layer by layer.
  std::vector<Integers> experts;
  std::vector<Matrix> weights;
  observer = [&](mlir::OpResult result, const Value &value) {
    if (!llvm::isa<RouteOp>(result.getOwner()))
      return;
    if (result.getResultNumber() == 0)
      experts.push_back(std::get<Integers>(value));
    else
      weights.push_back(std::get<Matrix>(value));
  };
  for (int prompt = 0; prompt < prompts; ++prompt) {
    experts.clear();
    weights.clear();
    std::vector<int32_t> tokens = ids(prompt);
    logits(tokens);
    ASSERT_EQ(experts.size(), size_t(layers));
    std::vector<double> chosen, weighed;
    for (size_t token = 0; token < tokens.size(); ++token)
      for (int layer = 0; layer < layers; ++layer)
        for (int j = 0; j < 2; ++j) {
          chosen.push_back(experts[layer].values[token * 2 + j]);
          weighed.push_back(weights[layer].at(token, j));
        }
    EXPECT_EQ(chosen, golden(prompt, "router_ids")) << "prompt " << prompt;
    EXPECT_LE(largestDifference(weighed, golden(prompt, "router_weights")),
              tolerance)
        << "prompt " << prompt;
  }
}

TEST_F(TinyMoe, HiddenStates) {
  // The residual stream: the embedding, then every second sum.
  std::vector<double> hidden;
  int sums = 0;
  observer = [&](mlir::OpResult result, const Value &value) {
    bool layerEnds = llvm::isa<AddOp>(result.getOwner()) && ++sums % 2 == 0;
    if (llvm::isa<EmbedOp>(result.getOwner()) || layerEnds)
      llvm::append_range(hidden, std::get<Matrix>(value).values);
  };
  logits(ids(4));
  EXPECT_EQ(sums, 2 * layers);
  EXPECT_LE(largestDifference(hidden, golden(4, "hidden")), tolerance);
}

TEST_F(TinyMoe, TokenByTokenIsThePromptAtOnce) {
  std::vector<int32_t> tokens = ids(7);
  auto forward = model().lookupSymbol<mlir::func::FuncOp>("forward");
  std::vector<double> stepwise;
  Value kv = KvState();
  for (int32_t position = 0; position < int32_t(tokens.size()); ++position) {
    std::vector<Value> arguments;
    for (int32_t number : {tokens[position], 0, position, 0})
      arguments.push_back(Integers{1, 1, {number}});
    arguments.push_back(std::move(kv));
    auto results = evaluator->evaluate(forward, std::move(arguments));
    if (!results)
      FAIL() << llvm::toString(results.takeError());
    llvm::append_range(stepwise, std::get<Matrix>((*results)[0]).values);
    kv = std::move((*results)[1]);
  }
  EXPECT_EQ(stepwise, logits(tokens).values);
}

/// The model with exits behind each layer, which few are sure enough for.
class TinyMoeWithExits : public TinyMoe,
                         public testing::WithParamInterface<const char *> {
protected:
  void SetUp() override {
    copy = module->clone();
    InsertExitsPassOptions options;
    options.state = GetParam();
    mlir::PassManager passes(context.get());
    passes.addNestedPass<ModelOp>(createInsertExitsPass(registry, options));
    ASSERT_TRUE(succeeded(passes.run(*copy)));
  }
  Matrix run(Evaluator::Observer onResult, const ExitControl &control) {
    EvaluatorOptions options;
    options.exits = control;
    Evaluator evaluator(*copy->getOps<ModelOp>().begin(), std::move(onResult),
                        options);
    auto result = evaluator.evaluateTokens(ids(4));
    if (result)
      return std::move(*result);
    ADD_FAILURE() << llvm::toString(result.takeError());
    return {};
  }

  mlir::OwningOpRef<mlir::ModuleOp> copy;
};
INSTANTIATE_TEST_SUITE_P(, TinyMoeWithExits,
                         testing::Values("propagate", "recompute"));

TEST_P(TinyMoeWithExits, ScoresAndBestTokensOfAllExits) {
  std::vector<double> sure, best;
  auto note = [&](const Matrix &logits) {
    for (int64_t r = 0; r < logits.rows; ++r) {
      const double *row = logits.row(r);
      best.push_back(double(std::max_element(row, row + logits.columns) - row));
    }
  };
  ExitControl never;
  never.threshold = INFINITY;
  Matrix last = run(
      [&](mlir::OpResult result, const Value &value) {
        auto *matrix = std::get_if<Matrix>(&value);
        if (llvm::isa<ConfidenceOp>(result.getOwner()))
          llvm::append_range(sure, matrix->values);
        if (llvm::isa<LinearOp>(result.getOwner()) &&
            matrix->columns == int64_t(model().getVocabulary()))
          note(*matrix);
      },
      never);
  EXPECT_EQ(last.values, logits(ids(4)).values);
  EXPECT_EQ(best, golden(4, "exit_argmax"));
  // There is none behind the last layer.
  std::vector<double> expected = golden(4, "exit_maxprob");
  expected.resize(expected.size() / layers * (layers - 1));
  EXPECT_LE(largestDifference(sure, expected), tolerance);
}

} // namespace
