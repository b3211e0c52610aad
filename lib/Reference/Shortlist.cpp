//===- Shortlist.cpp - when a few words are all that matter ---------------===//
#include "Ops.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace llvm;
using namespace moe;
using namespace moe::reference;

static constexpr double infinity = std::numeric_limits<double>::infinity();

static double getLength(const double *row, int64_t columns) {
  return std::sqrt(dot(row, row, columns));
}

Expected<Matrix> reference::surplus(const Matrix &inside, const Matrix &outside,
                                    const Matrix &slack, const Matrix &features,
                                    const Matrix &near) {
  for (const Matrix *other : {&outside, &features, &near})
    if (other->rows != inside.rows)
      return failure("operands have ", inside.rows, " and ", other->rows,
                     " rows");
  Matrix result = Matrix::zeros(inside.rows, 1);
  for (int64_t r = 0; r < inside.rows; ++r) {
    std::vector<double> difference(features.columns);
    for (int64_t i = 0; i < features.columns; ++i)
      difference[i] = features.at(r, i) - near.at(r, i);
    double length = getLength(features.row(r), features.columns);
    double distance = getLength(difference.data(), features.columns);
    double best = -infinity, rival = -infinity, poison = 0;
    for (int64_t k = 0; k < inside.columns; ++k) {
      best = std::max(best, inside.at(r, k));
      poison += 0 * inside.at(r, k);
    }
    for (int64_t j = 0; j < outside.columns; ++j) {
      double bound = outside.at(r, j) + slack.at(j, 0) * length +
                     slack.at(j, 1) * distance;
      rival = std::max(rival, bound);
      poison += 0 * bound;
    }
    result.at(r, 0) = best - rival + poison;
  }
  return result;
}

Certainty reference::certain(const Matrix &surplus, bool wholeDistributions) {
  Certainty result;
  for (int64_t r = 0; r < surplus.rows; ++r) {
    bool isCertain = !wholeDistributions && surplus.at(r, 0) > 0;
    Integers &places = isCertain ? result.certain : result.unsure;
    places.values.push_back(int32_t(r));
    ++places.rows;
  }
  return result;
}

Matrix reference::spread(const Matrix &input, ArrayRef<int32_t> columns,
                         int64_t width) {
  Matrix result{input.rows, width,
                std::vector<double>(input.rows * width, -infinity)};
  for (int64_t r = 0; r < input.rows; ++r)
    for (auto [from, to] : enumerate(columns))
      result.at(r, to) = input.at(r, from);
  return result;
}
