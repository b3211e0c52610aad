//===- ExportProofs.cpp - statements become a script for a solver ---------===//
#include "Theorem.h"

#include "mlir/Target/SMTLIB/ExportSMTLIB.h"
#include "moe/Analysis/AccumulatorRange.h"
#include "moe/Analysis/Passes.h"
#include "moe/Support/OutputFile.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

namespace moe {
#define GEN_PASS_DEF_EXPORTPROOFSPASS
#include "moe/Analysis/Passes.h.inc"
} // namespace moe

using namespace mlir;
using namespace moe;

//===----------------------------------------------------------------------===//
// Statements about one code
//===----------------------------------------------------------------------===//

/// The last step of the induction sum-step: one product more, for each of the
/// three sums of AccumulatorRange.
static void kernelFits(Theorem &t, CodeAttr code, AccumulatorRange range,
                       int64_t least) {
  constexpr int64_t limit = AccumulatorRange::limit;
  constexpr int64_t most = AccumulatorRange::activation;
  // More terms than 2^40 never fit; the bounds below stay in 64 bits.
  int64_t before = std::min<uint64_t>(range.columns, 1ull << 40) - 1;
  Term activation = t.integer("activation"), level = t.integer("level");
  Term zero = t.integer("zero");
  t.assume(within(activation, most));
  t.assume(least <= level && level <= int64_t(range.level));
  int64_t offset = code.getOffset();
  t.assume(offset <= zero && zero <= int64_t(range.zero));
  Term sum = t.integer("sum"), products = t.integer("products");
  Term activations = t.integer("activations");
  t.assume(within(sum, before * most * int64_t(range.weight)));
  t.assume(within(products, before * most * int64_t(range.level)));
  t.assume(within(activations, before * most));
  Term correction = zero * (activations + activation);
  t.claim(within(sum + activation * (level - zero), limit) &&
          within(products + activation * level, limit) &&
          within(correction, limit));
}

/// The bytes of a state times their factors, which vpmaddubsw adds with
/// saturation, stay within int16.
static void windowFits(Theorem &t, CodeAttr code) {
  Term low = t.integer("low"), high = t.integer("high");
  t.assume(0 <= low && low <= 255);
  t.assume(0 <= high && high <= 255);
  Term hash = code.getWindow()[0] * low + code.getWindow()[1] * high;
  t.claim(INT16_MIN <= hash && hash <= INT16_MAX);
}

static Statement getKernelStatement(CodeAttr code, int64_t columns) {
  AccumulatorRange range(code, columns);
  ArrayRef<int64_t> levels = code.getLevels();
  int64_t least = levels.empty() ? 0 : *llvm::min_element(levels);
  std::string name =
      (code.getName() + "-" + llvm::Twine(columns) + "-columns").str();
  std::string words = llvm::formatv(
      "Sums of {0} products with levels in [{1}, {2}] and offset "
      "+ zero\nin [{3}, {4}] fit int32.",
      range.columns, least, range.level, code.getOffset(), range.zero);
  return {name, words, true,
          [=](Theorem &t) { kernelFits(t, code, range, least); }};
}

/// Of every code and number of columns that a product has, once.
static std::vector<Statement> getKernelStatements(ModuleOp module) {
  llvm::SetVector<std::pair<CodeAttr, int64_t>> products;
  module.walk([&](ModelOp model) {
    visitStoredProducts(model, [&](Operation *, WeightOp weight) {
      products.insert({*weight.getCode(), weight.getColumns()});
    });
  });
  std::vector<Statement> result;
  llvm::SetVector<CodeAttr> windows;
  for (auto [code, columns] : products) {
    result.push_back(getKernelStatement(code, columns));
    if (code.isTrellis() && windows.insert(code))
      result.push_back({(code.getName() + "-window").str(),
                        "The products with a state's two bytes fit int16.",
                        true,
                        [code = code](Theorem &t) { windowFits(t, code); }});
  }
  return result;
}

//===----------------------------------------------------------------------===//
// The script
//===----------------------------------------------------------------------===//

static void printWords(llvm::raw_ostream &out, StringRef words) {
  for (StringRef line : llvm::split(words, '\n'))
    out << "; " << line << '\n';
}

/// One question. Without the claim it is whether the assumptions can be met:
/// from those that contradict each other anything would follow.
static LogicalResult printQuestion(llvm::raw_ostream &out,
                                   const Statement &statement, bool withClaim,
                                   MLIRContext *context) {
  OpBuilder builder(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToEnd(module->getBody());
  auto solver = smt::SolverOp::create(builder, builder.getUnknownLoc(),
                                      TypeRange(), ValueRange());
  builder.createBlock(&solver.getBodyRegion());
  Theorem theorem(builder, withClaim);
  statement.build(theorem);
  auto check =
      smt::CheckOp::create(builder, builder.getUnknownLoc(), TypeRange());
  for (Region &region : check->getRegions()) {
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&region);
    smt::YieldOp::create(builder, builder.getUnknownLoc());
  }
  smt::YieldOp::create(builder, builder.getUnknownLoc());
  out << "(echo \"" << statement.name << (withClaim ? " expects " : " assumes ")
      << (withClaim && statement.holds ? "unsat" : "sat") << "\")\n";
  smt::SMTEmissionOptions options;
  options.inlineSingleUseValues = true;
  return smt::exportSMTLIB(*module, out, options);
}

static LogicalResult print(llvm::raw_ostream &out, const Statement &statement,
                           MLIRContext *context) {
  printWords(out, statement.words);
  return success(succeeded(printQuestion(out, statement, false, context)) &&
                 succeeded(printQuestion(out, statement, true, context)));
}

static LogicalResult printAll(llvm::raw_ostream &out, ModuleOp module) {
  auto printOne = [&](const Statement &statement) {
    return succeeded(print(out, statement, module.getContext()));
  };
  return success(llvm::all_of(getGeneralStatements(), printOne) &&
                 llvm::all_of(getKernelStatements(module), printOne));
}

namespace {
struct ExportProofs : moe::impl::ExportProofsPassBase<ExportProofs> {
  using ExportProofsPassBase::ExportProofsPassBase;

  void runOnOperation() override {
    LogicalResult printed = success();
    auto write = [&](llvm::raw_ostream &out) {
      printed = printAll(out, getOperation());
    };
    if (output == "-") {
      write(llvm::outs());
      llvm::outs().flush();
    } else if (llvm::Error error = writeFile(output, write)) {
      getOperation().emitError() << llvm::toString(std::move(error));
      return signalPassFailure();
    }
    if (failed(printed))
      signalPassFailure();
  }
};
} // namespace
