//===- Network.h - a gated network of one hidden layer, and training ------===//
#ifndef MOE_LIB_PREFETCH_PREDICTORS_LEARNED_NETWORK_H
#define MOE_LIB_PREFETCH_PREDICTORS_LEARNED_NETWORK_H

#include <cstdint>
#include <vector>

namespace moe::learned {

/// Rows to learn from, standardised, and what should come out: a distribution.
struct Examples {
  int64_t rows = 0, inputs = 0, outputs = 0;
  std::vector<float> input;  ///< [rows][inputs]
  std::vector<float> target; ///< [rows][outputs]
};

/// scores = linear (x + down (silu(gate x) * (up x))) + bias
struct Network {
  int64_t inputs = 0, hidden = 0, outputs = 0;
  std::vector<float> linear; ///< [outputs][inputs]
  std::vector<float> bias;   ///< [outputs]
  std::vector<float> gate;   ///< [hidden][inputs]
  std::vector<float> up;     ///< [hidden][inputs]
  std::vector<float> down;   ///< [inputs][hidden]

  /// Mean cross entropy of softmax(scores) over rows [begin, end).
  double getLoss(const Examples &examples, int64_t begin, int64_t end) const;
};

/// Examples that a training has time for.
int64_t getMostExamples(int64_t inputs, int64_t outputs);

/// Trains with Adam from fixed random numbers, in one order of additions: the
/// same examples give the same network. The last eighth of the rows only tells
/// when to stop.
Network train(const Examples &examples);

} // namespace moe::learned

#endif // MOE_LIB_PREFETCH_PREDICTORS_LEARNED_NETWORK_H
