//===- Network.cpp - forward, backward, Adam ------------------------------===//
#include "Network.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace moe::learned;

namespace {

constexpr int64_t hiddenUnits = 64, batch = 64;
/// About a second: multiply-adds of a training, which sets how often each
/// example is seen, and how many there may be.
constexpr int64_t mostWork = 6'000'000'000, fewestEpochs = 4, mostEpochs = 24;
constexpr float firstRate = 1e-2f, decay = 0.05f, beta1 = 0.9f, beta2 = 0.99f;

/// Numbers that look random, the same everywhere.
class Random {
public:
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// Of variance 1, in [-sqrt 3, sqrt 3].
  float nextUniform() {
    return float(double(next() >> 11) * 0x1p-52 - 1) * std::sqrt(3.0f);
  }
  void shuffle(std::vector<int64_t> &order) {
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[next() % i]);
  }

private:
  uint64_t state = 1;
};

/// out[n] += sum_k matrix[n][k] * x[k]. Eight partial sums, in a fixed order.
void multiply(const float *matrix, const float *x, float *out, int64_t rows,
              int64_t columns) {
  for (int64_t n = 0; n < rows; ++n) {
    const float *row = matrix + n * columns;
    float sums[8] = {};
    int64_t k = 0;
    for (; k + 8 <= columns; k += 8)
      for (int64_t i = 0; i < 8; ++i)
        sums[i] += row[k + i] * x[k + i];
    float sum = 0;
    for (; k < columns; ++k)
      sum += row[k] * x[k];
    for (float part : sums)
      sum += part;
    out[n] += sum;
  }
}

/// matrix[n][k] += y[n] * x[k]
void addOuter(float *matrix, const float *y, const float *x, int64_t rows,
              int64_t columns) {
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < columns; ++k)
      matrix[n * columns + k] += y[n] * x[k];
}

/// out[k] += sum_n matrix[n][k] * y[n]
void multiplyTransposed(const float *matrix, const float *y, float *out,
                        int64_t rows, int64_t columns) {
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < columns; ++k)
      out[k] += matrix[n * columns + k] * y[n];
}

/// In place: exp(x - max) / sum.
void softmax(std::vector<float> &values) {
  float largest = *std::max_element(values.begin(), values.end());
  float sum = 0;
  for (float &value : values)
    sum += value = std::exp(value - largest);
  for (float &value : values)
    value /= sum;
}

/// What one row computes on its way through the network.
struct Pass {
  std::vector<float> gate, up, share, hidden, sum, probability;

  void run(const Network &net, const float *x) {
    gate.assign(net.hidden, 0);
    up.assign(net.hidden, 0);
    multiply(net.gate.data(), x, gate.data(), net.hidden, net.inputs);
    multiply(net.up.data(), x, up.data(), net.hidden, net.inputs);
    share.resize(net.hidden);
    hidden.resize(net.hidden);
    for (int64_t h = 0; h < net.hidden; ++h) {
      share[h] = 1 / (1 + std::exp(-gate[h]));
      hidden[h] = gate[h] * share[h] * up[h];
    }
    sum.assign(x, x + net.inputs);
    multiply(net.down.data(), hidden.data(), sum.data(), net.inputs,
             net.hidden);
    probability = net.bias;
    multiply(net.linear.data(), sum.data(), probability.data(), net.outputs,
             net.inputs);
    softmax(probability);
  }
};

/// Adds what one row wants to change to `gradient`, a network of gradients.
void addGradient(const Network &net, const Pass &pass, const float *x,
                 const float *target, Network &gradient) {
  std::vector<float> error(net.outputs), sum(net.inputs), back(net.hidden),
      gate(net.hidden), up(net.hidden);
  for (int64_t n = 0; n < net.outputs; ++n) {
    error[n] = pass.probability[n] - target[n];
    gradient.bias[n] += error[n];
  }
  addOuter(gradient.linear.data(), error.data(), pass.sum.data(), net.outputs,
           net.inputs);
  multiplyTransposed(net.linear.data(), error.data(), sum.data(), net.outputs,
                     net.inputs);
  addOuter(gradient.down.data(), sum.data(), pass.hidden.data(), net.inputs,
           net.hidden);
  multiplyTransposed(net.down.data(), sum.data(), back.data(), net.inputs,
                     net.hidden);
  for (int64_t h = 0; h < net.hidden; ++h) {
    float share = pass.share[h], silu = pass.gate[h] * share;
    up[h] = back[h] * silu;
    gate[h] = back[h] * pass.up[h] * (share + silu * (1 - share));
  }
  addOuter(gradient.gate.data(), gate.data(), x, net.hidden, net.inputs);
  addOuter(gradient.up.data(), up.data(), x, net.hidden, net.inputs);
}

/// The five arrays of a network.
std::vector<std::vector<float> *> partsOf(Network &net) {
  return {&net.linear, &net.bias, &net.gate, &net.up, &net.down};
}

Network makeNetwork(const Examples &examples) {
  Network net{
      examples.inputs, hiddenUnits, examples.outputs, {}, {}, {}, {}, {}};
  net.linear.assign(net.outputs * net.inputs, 0);
  net.bias.assign(net.outputs, 0);
  net.gate.assign(net.hidden * net.inputs, 0);
  net.up.assign(net.hidden * net.inputs, 0);
  net.down.assign(net.inputs * net.hidden, 0);
  return net;
}

/// Multiply-adds of one example, forward and twice as many back.
int64_t getWork(int64_t inputs, int64_t outputs) {
  return 3 * inputs * (3 * hiddenUnits + outputs);
}

/// Adam with weight decay beside it (Loshchilov and Hutter, 2019).
class Adam {
public:
  explicit Adam(const Examples &examples)
      : first(makeNetwork(examples)), second(makeNetwork(examples)) {}

  void step(Network &net, Network &gradient, float scale, float rate) {
    power1 *= beta1;
    power2 *= beta2;
    for (size_t part = 0; part < partsOf(net).size(); ++part) {
      std::vector<float> &weights = *partsOf(net)[part];
      const std::vector<float> &gradients = *partsOf(gradient)[part];
      std::vector<float> &mean = *partsOf(first)[part];
      std::vector<float> &square = *partsOf(second)[part];
      for (size_t i = 0; i < weights.size(); ++i) {
        float g = gradients[i] * scale;
        mean[i] = beta1 * mean[i] + (1 - beta1) * g;
        square[i] = beta2 * square[i] + (1 - beta2) * g * g;
        float size = std::sqrt(square[i] / (1 - power2)) + 1e-8f;
        weights[i] -=
            rate * (mean[i] / (1 - power1) / size + decay * weights[i]);
      }
    }
  }

private:
  Network first, second;
  float power1 = 1, power2 = 1;
};

} // namespace

double Network::getLoss(const Examples &examples, int64_t begin,
                        int64_t end) const {
  Pass pass;
  double loss = 0;
  for (int64_t row = begin; row < end; ++row) {
    pass.run(*this, examples.input.data() + row * inputs);
    for (int64_t n = 0; n < outputs; ++n)
      loss -= examples.target[row * outputs + n] *
              std::log(double(pass.probability[n]) + 1e-30);
  }
  return begin < end ? loss / double(end - begin) : 0;
}

int64_t moe::learned::getMostExamples(int64_t inputs, int64_t outputs) {
  return std::max<int64_t>(mostWork / fewestEpochs / getWork(inputs, outputs),
                           batch);
}

Network moe::learned::train(const Examples &examples) {
  Network net = makeNetwork(examples);
  Random random;
  for (auto *matrix : {&net.gate, &net.up})
    for (float &weight : *matrix)
      weight = random.nextUniform() / std::sqrt(float(net.inputs));
  int64_t kept = examples.rows / 8, used = examples.rows - kept;
  std::vector<int64_t> order(used);
  std::iota(order.begin(), order.end(), 0);

  Adam adam(examples);
  Pass pass;
  Network best = net;
  double least = net.getLoss(examples, used, examples.rows);
  int64_t work = getWork(net.inputs, net.outputs) * std::max<int64_t>(used, 1);
  int64_t epochs = std::clamp(mostWork / work, fewestEpochs, mostEpochs);
  int64_t steps = (used + batch - 1) / batch * epochs, step = 0;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    random.shuffle(order);
    for (int64_t begin = 0; begin < used; begin += batch) {
      int64_t end = std::min(begin + batch, used);
      Network gradient = makeNetwork(examples);
      for (int64_t i = begin; i < end; ++i) {
        const float *x = examples.input.data() + order[i] * net.inputs;
        pass.run(net, x);
        addGradient(net, pass, x,
                    examples.target.data() + order[i] * net.outputs, gradient);
      }
      // The rate falls to 0 along a line.
      float rate = firstRate * (1 - float(step++) / float(steps));
      adam.step(net, gradient, 1 / float(end - begin), rate);
    }
    double loss = net.getLoss(examples, used, examples.rows);
    if (loss < least || kept == 0) {
      least = loss;
      best = net;
    }
  }
  return best;
}
