//===- QuantReport.cpp - errors of each weight as JSON --------------------===//
#include "moe/Container/QuantReport.h"

#include "moe/Container/StoredBits.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/JSON.h"
#include <cmath>

using namespace mlir;
using namespace moe;

namespace json = llvm::json;

namespace {
/// Sums over matrices.
struct Sums {
  uint64_t weights = 0, bytes = 0;
  EncodeErrors errors;
  bool isCalibrated = false;

  void add(CodedMatrix matrix) {
    weights += matrix.weight.getRows() * matrix.weight.getColumns();
    bytes += matrix.size;
    errors.error += matrix.errors.error;
    errors.weights += matrix.errors.weights;
    errors.outputError += matrix.errors.outputError;
    errors.outputs += matrix.errors.outputs;
    errors.hasOutputs |= matrix.errors.hasOutputs;
    isCalibrated |= matrix.inputRows >= 0;
  }

  double getBits() const { return 8.0 * double(bytes) / double(weights); }
};
} // namespace

/// A weight of zeros is stored without an error.
static double divide(double error, double all) {
  return all > 0 ? error / all : 0;
}

static json::Value getRelativeError(const EncodeErrors &errors) {
  return divide(errors.error, errors.weights);
}

/// Null where nothing was calibrated.
static json::Value getOutputError(const EncodeErrors &errors) {
  if (!errors.hasOutputs)
    return nullptr;
  return divide(errors.outputError, errors.outputs);
}

/// How many times the error is the least that any code of as many bits has for
/// normally distributed weights: 2^(-2 bits).
static json::Value getErrorToLimit(const Sums &sums) {
  return divide(sums.errors.error, sums.errors.weights) *
         std::exp2(2 * sums.getBits());
}

static void addErrors(json::OStream &out, const Sums &sums) {
  out.attribute("bits_per_weight", sums.getBits());
  out.attribute("relative_mse", getRelativeError(sums.errors));
  out.attribute("relative_mse_to_limit", getErrorToLimit(sums));
  out.attribute("output_relative_mse", getOutputError(sums.errors));
  out.attribute("bytes", int64_t(sums.bytes));
  out.attribute("weights", int64_t(sums.weights));
}

/// One array of a bank, an element for each expert.
template <typename GetValue>
static void addExperts(json::OStream &out, StringRef name,
                       ArrayRef<CodedMatrix> experts, GetValue getValue) {
  out.attributeArray(name, [&] {
    for (const CodedMatrix &expert : experts)
      out.value(getValue(expert));
  });
}

static void addWeight(json::OStream &out, WeightOp weight,
                      ArrayRef<CodedMatrix> matrices) {
  Sums sums;
  for (const CodedMatrix &matrix : matrices)
    sums.add(matrix);
  out.object([&] {
    out.attribute("name", weight.getSymName());
    out.attribute("scheme", weight.getCodeAttr().getName());
    out.attributeArray("shape", [&] {
      for (int64_t size : weight.getTensorType().getShape())
        out.value(size);
    });
    addErrors(out, sums);
    if (weight.getTensorType().getRank() < 3)
      return;
    addExperts(out, "expert_relative_mse", matrices,
               [](const CodedMatrix &m) { return getRelativeError(m.errors); });
    if (!sums.isCalibrated)
      return;
    addExperts(out, "expert_output_relative_mse", matrices,
               [](const CodedMatrix &m) { return getOutputError(m.errors); });
    addExperts(out, "expert_calibration_rows", matrices,
               [](const CodedMatrix &m) { return m.inputRows; });
    out.attributeArray("experts_never_reached", [&] {
      for (const CodedMatrix &matrix : matrices)
        if (matrix.inputRows == 0)
          out.value(matrix.index);
    });
  });
}

void moe::printQuantReport(llvm::raw_ostream &os, const ParameterPlan &plan,
                           const CodedWeights &coded) {
  StoredBits stored(plan);
  Sums all;
  llvm::MapVector<Operation *, std::vector<CodedMatrix>> byWeight;
  for (const CodedMatrix &matrix : coded.getMatrices()) {
    all.add(matrix);
    byWeight[matrix.weight].push_back(matrix);
  }
  json::OStream out(os, /*IndentSize=*/2);
  out.object([&] {
    if (byWeight.empty())
      out.attribute("bits_per_weight", stored.getBitsPerWeight());
    else
      addErrors(out, all);
    out.attribute("file_bits_per_weight", stored.getBitsPerWeight());
    out.attribute("file_weights", int64_t(stored.weights));
    out.attributeArray("tensors", [&] {
      for (auto &[weight, matrices] : byWeight)
        addWeight(out, cast<WeightOp>(weight), matrices);
    });
  });
  os << "\n";
}
