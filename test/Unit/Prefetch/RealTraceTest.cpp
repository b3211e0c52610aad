//===- RealTraceTest.cpp - predictors on what models/tiny-moe chooses -----===//
//
// The figures of the goldens (results.json, `routing`) come from a float64
// forward pass in NumPy that shares no code with this project. Counted again
// for the first eight windows of the same text, they are here to the last
// guess; the predictors' own IR, run by the evaluator, must count the same.
//===----------------------------------------------------------------------===//
#include "mlir/IR/Verifier.h"
#include "moe/Driver/RegisterDialects.h"
#include "moe/Driver/Registry.h"
#include "moe/Model/Import.h"
#include "moe/Prefetch/Predictor.h"
#include "moe/Reference/Evaluator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <array>
#include <numeric>

using namespace moe;
using moe::reference::Integers;
using moe::reference::Matrix;

namespace {

const std::string checkpoint = MOE_SOURCE_DIR "/models/tiny-moe";
constexpr int64_t windows = 8, windowRows = 256, rows = windows * windowRows;
constexpr int64_t layers = 6, experts = 8, chosen = 2;

/// Choices of layers 1 to 5 that were among the best 2, 3, 4 guesses.
using Hits = std::array<std::array<int64_t, 3>, layers - 1>;
constexpr Hits fromInput = {{{2412, 3068, 3433},
                             {3251, 3697, 3896},
                             {3448, 3854, 3999},
                             {3727, 3997, 4060},
                             {3770, 4027, 4075}}};
constexpr Hits fromOutput = {{{3261, 3749, 3948},
                              {3708, 3987, 4059},
                              {3865, 4060, 4086},
                              {3960, 4082, 4094},
                              {3991, 4086, 4094}}};

/// The first tokens of the held-out text; a file of uint16.
std::vector<int32_t> readTokens() {
  std::string path = checkpoint + "/goldens/heldout_ids.npy";
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer) {
    ADD_FAILURE() << path << ": " << buffer.getError().message();
    return {};
  }
  llvm::StringRef bytes = (*buffer)->getBuffer();
  size_t headerSize = 10 + llvm::support::endian::read16le(bytes.data() + 8);
  EXPECT_TRUE(bytes.take_front(headerSize).contains("'<u2'"));
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < rows; ++i)
    tokens.push_back(
        llvm::support::endian::read16le(bytes.data() + headerSize + 2 * i));
  return tokens;
}

/// tiny-moe with the IR of both cross-layer gates in its function, and what it
/// computed in eight windows.
class RealTrace : public testing::Test {
protected:
  static void SetUpTestSuite() {
    mlir::DialectRegistry dialects;
    registerDialects(dialects);
    mlir::MLIRContext context(dialects);
    auto imported = importCheckpoint(checkpoint, getRegistry(), context);
    if (!imported)
      FAIL() << llvm::toString(imported.takeError());
    model = *imported->module->getOps<ModelOp>().begin();
    collectLayers();
    ASSERT_EQ(sites.size(), size_t(layers));
    addGuesses("cross-layer-gate", gateGuesses);
    addGuesses("cross-layer-gate-output", outputGuesses);
    ASSERT_TRUE(succeeded(mlir::verify(*imported->module)));
    run();
  }

  /// Routers, and what they take and give.
  static void collectLayers() {
    auto forward = model.lookupSymbol<mlir::func::FuncOp>("forward");
    forward.walk([&](RouteOp route) {
      RoutedLayer layer;
      layer.layer = sites.size();
      layer.experts = experts;
      layer.chosen = route.getK();
      layer.logits = route.getLogits();
      layer.router = route.getLogits().getDefiningOp<LinearOp>();
      layer.input = layer.router.getInput();
      auto expertsOp = llvm::cast<ExpertsOp>(*llvm::find_if(
          route.getExperts().getUsers(), llvm::IsaPred<ExpertsOp>));
      layer.output =
          llvm::cast<AddOp>(*expertsOp->getUsers().begin()).getResult();
      sites.push_back(layer);
    });
    positions = forward.getArgument(2);
  }

  static void addGuesses(const std::string &name,
                         std::vector<mlir::Value> &scores) {
    auto predictor = getRegistry().predictors.at(name)();
    mlir::ImplicitLocOpBuilder builder(model.getLoc(), model->getContext());
    for (int64_t from = 0; from + 1 < layers; ++from) {
      builder.setInsertionPointAfterValue(
          predictor->needsOutput() ? sites[from].output : sites[from].logits);
      PredictionSite site;
      site.model = model;
      site.layers = sites;
      site.from = from;
      site.to = from + 1;
      site.positions = positions;
      scores.push_back(predictor->buildScores(builder, site));
      ASSERT_TRUE(scores.back());
    }
  }

  /// Fills the trace and the values of the guesses.
  static void run() {
    trace.experts = experts;
    trace.chosen = chosen;
    trace.logits.resize(layers);
    trace.choices.resize(layers);
    trace.weights.resize(layers);
    trace.guessed.resize(layers);
    trace.confidence.resize(layers);
    for (int64_t i = 0; i < layers; ++i)
      trace.layers.push_back(int(i));
    for (int64_t row = 0; row < rows; ++row)
      trace.rows.push_back(
          {0, 0, int32_t(row % windowRows), int32_t(row / windowRows)});
    auto append = [](const reference::Value &value, auto &to) {
      const auto &matrix = std::get<Matrix>(value);
      to.insert(to.end(), matrix.values.begin(), matrix.values.end());
    };
    reference::Evaluator evaluator(
        model, [&](mlir::OpResult result, const reference::Value &value) {
          for (auto [i, site] : llvm::enumerate(sites)) {
            if (result == site.logits)
              append(value, trace.logits[i]);
            else if (result.getOwner()->getOperands().size() == 1 &&
                     result.getOwner()->getOperand(0) == site.logits &&
                     llvm::isa<RouteOp>(result.getOwner())) {
              if (result.getResultNumber() == 1) {
                append(value, trace.weights[i]);
              } else {
                const auto &ids = std::get<Integers>(value).values;
                trace.choices[i].insert(trace.choices[i].end(), ids.begin(),
                                        ids.end());
              }
            }
          }
          for (auto [scores, to] : {std::pair(&gateGuesses, &gateScores),
                                    std::pair(&outputGuesses, &outputScores)})
            for (auto [i, guess] : llvm::enumerate(*scores))
              if (result == guess)
                append(value, (*to)[i]);
        });
    std::vector<int32_t> tokens = readTokens();
    ASSERT_EQ(tokens.size(), size_t(rows));
    for (int64_t window = 0; window < windows; ++window) {
      auto logits = evaluator.evaluateTokens(
          llvm::ArrayRef(tokens).slice(window * windowRows, windowRows));
      ASSERT_TRUE(bool(logits)) << llvm::toString(logits.takeError());
    }
  }

  using Scores = std::array<std::vector<double>, layers - 1>;

  static Hits countHits(const Scores &scores) {
    Hits hits = {};
    for (int64_t from = 0; from + 1 < layers; ++from)
      for (int64_t row = 0; row < rows; ++row) {
        const double *values = scores[from].data() + row * experts;
        std::vector<int32_t> order(experts);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(),
                         [&](int a, int b) { return values[a] > values[b]; });
        for (int64_t j = 0; j < chosen; ++j) {
          int32_t expert = trace.choices[from + 1][row * chosen + j];
          int64_t place = llvm::find(order, expert) - order.begin();
          for (int64_t count = 2; count <= 4; ++count)
            hits[from][count - 2] += place < count;
        }
      }
    return hits;
  }

  static inline ModelOp model;
  static inline std::vector<RoutedLayer> sites;
  static inline mlir::Value positions;
  static inline std::vector<mlir::Value> gateGuesses, outputGuesses;
  static inline Scores gateScores, outputScores;
  static inline RoutingTrace trace;
};

TEST_F(RealTrace, CrossLayerGateGuessesAsTheGoldensDo) {
  EXPECT_EQ(countHits(gateScores), fromInput);
}

TEST_F(RealTrace, CrossLayerGateBehindALayerGuessesAsTheGoldensDo) {
  EXPECT_EQ(countHits(outputScores), fromOutput);
}

/// Of the second half, by what the first half taught: the share of choices
/// among two guesses, over all layers.
double getHeldOutRecall(const std::string &name, const RoutingTrace &trace,
                        double *calibrationError = nullptr) {
  constexpr int64_t fitted = rows / 2;
  auto predictor = getRegistry().predictors.at(name)();
  llvm::cantFail(predictor->fit(trace.slice(0, fitted)));
  auto all = guessOverTrace(*predictor, trace, 1, chosen, fitted);
  if (!all || all->size() != size_t(layers - 1)) {
    ADD_FAILURE() << name;
    llvm::consumeError(all.takeError());
    return 0;
  }
  double recall = 0, error = 0;
  for (const TraceGuesses &guesses : *all) {
    recall += getRecall(guesses, trace, chosen, fitted, rows) / (layers - 1);
    error +=
        getCalibrationError(getCalibrationCurve(guesses, trace, fitted, rows)) /
        (layers - 1);
  }
  if (calibrationError)
    *calibrationError = error;
  return recall;
}

/// Chance is 2 of 8.
TEST_F(RealTrace, WhoLearnsMoreGuessesBetter) {
  double previous = getHeldOutRecall("previous-layer", trace);
  double pattern = getHeldOutRecall("pattern", trace);
  double learned = getHeldOutRecall("learned", trace);
  EXPECT_NEAR(previous, 0.25, 0.05);
  EXPECT_GT(pattern, previous + 0.1);
  EXPECT_GT(learned, pattern + 0.1);
  RecordProperty("pattern", std::to_string(pattern));
  RecordProperty("learned", std::to_string(learned));
}

/// A confidence is the share of such guesses that come true, on rows that
/// nobody learned from. 2048 guesses of a layer in ten bins err by about 0.02
/// by chance.
TEST_F(RealTrace, ConfidenceIsTheShareThatComesTrue) {
  for (std::string name :
       {"previous-layer", "multi-layer", "pattern", "adaptive", "learned"}) {
    double error = 1;
    getHeldOutRecall(name, trace, &error);
    EXPECT_LT(error, 0.06) << name;
  }
}

} // namespace
