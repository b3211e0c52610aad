//===- ScheduleTest.cpp - schedules, as the simulator runs them -----------===//
//
// Programs of clusters go through layout, schedule, queues and assembler, and run.
// The simulator ends any that breaks a rule of the machine; here results are
// compared with what clusters say, and cycles with what was predicted.
//===----------------------------------------------------------------------===//
#include "Assembly/Assemble.h"
#include "Passes.h"
#include "Simulator/Simulator.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace mlir;
using moert::lpu::Simulator;

namespace {

constexpr int64_t lanes = 320;

/// A program that was compiled, and its memory.
class Machine {
public:
  explicit Machine(const std::string &text, uint64_t seed = 1) {
    context.loadDialect<moe::lpu::LPUDialect>();
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      message += diagnostic.str();
      return success();
    });
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return;
    PassManager manager(&context);
    manager.addPass(moe::lpu::createAssignLayoutPass());
    manager.addPass(moe::lpu::createSchedulePass());
    manager.addPass(moe::lpu::createFormQueuesPass());
    if (failed(manager.run(*module)))
      return;
    auto program = *module->getOps<moe::lpu::ProgramOp>().begin();
    auto assembled = moe::lpu::assemble(program);
    if (!assembled) {
      message = llvm::toString(assembled.takeError());
      return;
    }
    bytes = *assembled;
    moert::lpu::SimulatorOptions options;
    options.seed = seed;
    moert::Status status = Simulator::create(
        std::as_bytes(std::span(bytes)), options, &simulator);
    if (!status.ok())
      message = status.message();
  }

  bool isReady() const { return bool(simulator); }
  size_t find(const std::string &name) const {
    auto *buffers = simulator->program().buffers();
    for (size_t i = 0; i < buffers->size(); ++i)
      if (buffers->Get(unsigned(i))->name()->str() == name)
        return i;
    ADD_FAILURE() << "no buffer " << name;
    return 0;
  }
  /// Numbers of T, all lanes of the first vector, then of the next.
  template <typename T>
  void write(const std::string &name, const std::vector<T> &numbers) {
    std::vector<std::byte> planes(numbers.size() * sizeof(T));
    for (size_t i = 0; i < numbers.size(); ++i)
      for (size_t p = 0; p < sizeof(T); ++p)
        std::memcpy(&planes[(i / lanes * sizeof(T) + p) * lanes + i % lanes],
                    reinterpret_cast<const char *>(&numbers[i]) + p, 1);
    moert::Status status = simulator->writeVectors(
        find(name), 0, numbers.size() / lanes, planes);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  template <typename T>
  std::vector<T> read(const std::string &name, int64_t vectors) {
    std::vector<std::byte> planes(vectors * lanes * sizeof(T));
    moert::Status status =
        simulator->readVectors(find(name), 0, vectors, planes);
    EXPECT_TRUE(status.ok()) << status.message();
    std::vector<T> numbers(vectors * lanes);
    for (size_t i = 0; i < numbers.size(); ++i)
      for (size_t p = 0; p < sizeof(T); ++p)
        std::memcpy(reinterpret_cast<char *>(&numbers[i]) + p,
                    &planes[(i / lanes * sizeof(T) + p) * lanes + i % lanes],
                    1);
    return numbers;
  }
  /// Runs it, and compares cycles with what was predicted.
  void run() {
    moert::lpu::Result result;
    moert::Status status = simulator->run(0, result);
    ASSERT_TRUE(status.ok()) << status.message();
    cycles = result.cycles;
    EXPECT_EQ(result.cycles,
              simulator->program().segments()->Get(0)->cycles());
    EXPECT_EQ(result.unused.count, 0u) << result.unused.first;
    loads = result.busy.install;
  }

  std::string message;
  std::vector<char> bytes;
  uint64_t cycles = 0, loads = 0;

private:
  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<Simulator> simulator;
};

std::string replaceAll(std::string text, const std::string &what,
                       const std::string &by) {
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

} // namespace

TEST(LpuSchedule, ComputesOnBothSides) {
  Machine machine(R"(lpu.program @step machine "tsp1" {
    %x = lpu.buffer input "x" east : <1 x f32>
    %y = lpu.buffer output "y" east : <1 x f32>
    %z = lpu.buffer output "z" west : <1 x f32>
    lpu.cluster {
      %0 = lpu.read %x[0] : <1 x f32>
      %1 = lpu.read %x[0] : <1 x f32>
      %2 = lpu.alu mul %0, %1 : !lpu.stream<f32>, !lpu.stream<f32> -> !lpu.stream<f32>
      lpu.write %2 to %y[0] : !lpu.stream<f32>, <1 x f32>
      lpu.write %2 to %z[0] : !lpu.stream<f32>, <1 x f32>
    }
  })");
  ASSERT_TRUE(machine.isReady()) << machine.message;
  std::vector<float> x(lanes);
  for (int64_t l = 0; l < lanes; ++l)
    x[l] = float(l) - 7.5f;
  machine.write("x", x);
  machine.run();
  std::vector<float> y = machine.read<float>("y", 1);
  EXPECT_EQ(y, machine.read<float>("z", 1));
  for (int64_t l = 0; l < lanes; ++l)
    EXPECT_EQ(y[l], x[l] * x[l]);
}

/// 64 positions in 16 sums, one a cycle: each sum is back in memory when it is next.
TEST(LpuSchedule, LoopsFollowOneAnotherEveryCycle) {
  std::string text = R"(lpu.program @step machine "tsp1" {
    %x = lpu.buffer input "x" east : <256 x i32>
    %s = lpu.buffer temporary "s" west : <16 x i32>
    %y = lpu.buffer output "y" east : <16 x i32>
    lpu.cluster repeat 16 every 1 {
      %0 = lpu.read %x[0 step 1] : <256 x i32>
      %1 = lpu.alu pass %0 : !lpu.stream<i32> -> !lpu.stream<i32>
      lpu.write %1 to %s[0 step 1] : !lpu.stream<i32>, <16 x i32>
    })";
  for (int first = 16; first < 256; first += 16)
    text += replaceAll(R"(
    lpu.cluster repeat 16 every 1 {
      %0 = lpu.read %x[FIRST step 1] : <256 x i32>
      %1 = lpu.read %s[0 step 1] : <16 x i32>
      %2 = lpu.alu add %0, %1 : !lpu.stream<i32>, !lpu.stream<i32> -> !lpu.stream<i32>
      lpu.write %2 to %s[0 step 1] : !lpu.stream<i32>, <16 x i32>
    })",
                       "FIRST", std::to_string(first));
  Machine machine(text + R"(
    lpu.cluster repeat 16 every 2 {
      %0 = lpu.read %s[0 step 1] : <16 x i32>
      lpu.write %0 to %y[0 step 1] : !lpu.stream<i32>, <16 x i32>
    }
  })");
  ASSERT_TRUE(machine.isReady()) << machine.message;
  std::vector<int32_t> x(256 * lanes);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = int32_t(i * 7 % 1001);
  machine.write("x", x);
  machine.run();
  EXPECT_LT(machine.cycles, 35u + 256 + 32 + 80);
  std::vector<int32_t> y = machine.read<int32_t>("y", 16);
  for (int64_t i = 0; i < 16 * lanes; ++i) {
    int32_t sum = 0;
    for (int64_t k = 0; k < 16; ++k)
      sum += x[k * 16 * lanes + i];
    EXPECT_EQ(y[i], sum);
  }
}

/// Products of tiles on all four planes: 22 cycles a round of 4 loads of 20.
TEST(LpuSchedule, WeightsStreamOnAllPlanes) {
  constexpr int64_t tiles = 8;
  std::string buffers, body;
  for (std::string side : {"west", "east"})
    for (std::string part : {"0", "1"}) {
      buffers += replaceAll(
          R"(
    %xN = lpu.buffer input "xN" SIDE : <8 x i8>
    %wN = lpu.buffer parameter "wN" SIDE loads [] : <2560 x i8>
    %yN = lpu.buffer output "yN" SIDE : <8 x i32>)",
          "N", side + part);
      buffers = replaceAll(buffers, "SIDE", side);
    }
  buffers = replaceAll(buffers, " loads []", "");
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (std::string name : {"west0", "east0", "west1", "east1"}) {
      std::string step = replaceAll(
          R"(
    %iN_T = lpu.install %wN[FIRST] : <2560 x i8> -> <i8>
    lpu.cluster {
      %0 = lpu.read %xN[T] : <8 x i8>
      %1 = lpu.multiply %0 by %iN_T : !lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>
      lpu.write %1 to %yN[T] : !lpu.stream<i32>, <8 x i32>
    })",
          "FIRST", std::to_string(320 * tile));
      step = replaceAll(step, "T]", std::to_string(tile) + "]");
      step = replaceAll(step, "_T", "_" + std::to_string(tile));
      body += replaceAll(step, "N", name);
    }
  Machine machine("lpu.program @step machine \"tsp1\" {" + buffers + body +
                  "}");
  ASSERT_TRUE(machine.isReady()) << machine.message;
  std::mt19937 random(3);
  auto numbers = [&](int64_t vectors) {
    std::vector<int8_t> result(vectors * lanes);
    for (int8_t &each : result)
      each = int8_t(random());
    return result;
  };
  std::vector<int8_t> x[4], w[4];
  const char *const names[] = {"west0", "east0", "west1", "east1"};
  for (int i = 0; i < 4; ++i) {
    machine.write(std::string("x") + names[i], x[i] = numbers(tiles));
    machine.write(std::string("w") + names[i], w[i] = numbers(tiles * lanes));
  }
  machine.run();
  EXPECT_EQ(machine.loads, 4u * tiles * 20);
  EXPECT_LE(machine.cycles, 35u + 22 * tiles + 22 + 80);
  for (int i = 0; i < 4; ++i) {
    auto y = machine.read<int32_t>(std::string("y") + names[i], tiles);
    for (int64_t n = 0; n < tiles * lanes; n += 37) {
      int32_t sum = 0;
      for (int64_t k = 0; k < lanes; ++k)
        sum += x[i][n / lanes * lanes + k] * w[i][n * lanes + k];
      EXPECT_EQ(y[n], sum) << names[i] << " " << n;
    }
  }
}

/// Rows that maps choose, bytes that become weights, two activations a position.
TEST(LpuSchedule, GathersScattersAndMultipliesHalves) {
  Machine machine(R"(lpu.program @step machine "tsp1" {
    %x = lpu.buffer input "x" west : <1 x f32>
    %map = lpu.buffer input "map" east : <1 x i8>
    %kv = lpu.buffer input "kv" east : <8 x f32>
    %v = lpu.buffer input "v" east : <1 x f32>
    %taken = lpu.buffer output "taken" west : <1 x f32>
    %low = lpu.buffer temporary "low" west : <320 x i8>
    %high = lpu.buffer temporary "high" west : <320 x i8>
    %h = lpu.buffer input "h" west : <16 x f16>
    %s = lpu.buffer output "s" east : <8 x f32>
    lpu.cluster {
      %0 = lpu.read %v[0] : <1 x f32>
      %1 = lpu.alu neg %0 : !lpu.stream<f32> -> !lpu.stream<f32>
      %m = lpu.read %map[0] : <1 x i8>
      lpu.scatter %1 to %kv[0] by %m : !lpu.stream<f32>, <8 x f32>, !lpu.stream<i8>
    }
    lpu.cluster {
      %m = lpu.read %map[0] : <1 x i8>
      %0 = lpu.gather %kv[1] by %m : <8 x f32>, !lpu.stream<i8>
      %1 = lpu.alu neg %0 : !lpu.stream<f32> -> !lpu.stream<f32>
      lpu.write %1 to %taken[0] : !lpu.stream<f32>, <1 x f32>
    }
    lpu.cluster repeat 20 every 1 {
      %0 = lpu.read %x[0] : <1 x f32>
      %1 = lpu.alu cvt %0 : !lpu.stream<f32> -> !lpu.stream<f16>
      lpu.write %1 byte 0 to %low[0 step 16] copies 16 : !lpu.stream<f16>, <320 x i8>
      lpu.write %1 byte 1 to %high[0 step 16] copies 16 : !lpu.stream<f16>, <320 x i8>
    }
    %w = lpu.install %low and %high[0] : <320 x i8> and !lpu.vectors<320 x i8> -> <f16>
    lpu.cluster repeat 8 every 2 {
      %0 = lpu.read %h[0 step 1] : <16 x f16>
      %1 = lpu.multiply %0 by %w : !lpu.stream<f16>, !lpu.weights<f16> -> !lpu.stream<f32>
      %2 = lpu.alu pass %1 : !lpu.stream<f32> -> !lpu.stream<f32>
      %3 = lpu.read %h[8 step 1] : <16 x f16>
      %4 = lpu.multiply %3 by %w : !lpu.stream<f16>, !lpu.weights<f16> -> !lpu.stream<f32>
      %5 = lpu.alu add %2, %4 : !lpu.stream<f32>, !lpu.stream<f32> -> !lpu.stream<f32>
      lpu.write %5 to %s[0 step 1] : !lpu.stream<f32>, <8 x f32>
    }
  })");
  ASSERT_TRUE(machine.isReady()) << machine.message;
  std::vector<float> x(lanes), kv(8 * lanes), v(lanes, 5.0f);
  std::vector<int8_t> map(lanes);
  std::vector<uint16_t> h(16 * lanes);
  for (int64_t l = 0; l < lanes; ++l) {
    x[l] = float(l % 5); // exact in f16
    map[l] = l % 16 == 0 ? 3 : 0;
    for (int64_t i = 0; i < 8; ++i)
      kv[i * lanes + l] = float(100 * i + l);
    for (int64_t i = 0; i < 16; ++i)
      h[i * lanes + l] = i % 2 ? 0x3c00 : 0x4000; // 1, 2
  }
  machine.write("x", x);
  machine.write("map", map);
  machine.write("kv", kv);
  machine.write("v", v);
  machine.write("h", h);
  machine.run();
  auto after = machine.read<float>("kv", 8);
  auto taken = machine.read<float>("taken", 1);
  auto scores = machine.read<float>("s", 8);
  float sum = 0;
  for (float each : x)
    sum += each;
  for (int64_t l = 0; l < lanes; ++l) {
    EXPECT_EQ(after[3 * lanes + l], -5.0f);
    EXPECT_EQ(after[2 * lanes + l], kv[2 * lanes + l]);
    EXPECT_EQ(taken[l], -kv[4 * lanes + l]);
    for (int64_t i = 0; i < 8; ++i)
      EXPECT_EQ(scores[i * lanes + l], 2 * sum * (i % 2 ? 1 : 2));
  }
}

//===----------------------------------------------------------------------===//
// Programs at random
//===----------------------------------------------------------------------===//

namespace {

constexpr int64_t buffers = 6, vectors = 16;

/// Clusters of integers at random, and what they compute, one after the other.
class RandomProgram {
public:
  explicit RandomProgram(uint32_t seed) : random(seed) {
    text = "lpu.program @step machine \"tsp1\" {\n";
    for (int64_t b = 0; b < buffers; ++b) {
      text += "%b" + std::to_string(b) + " = lpu.buffer input \"b" +
              std::to_string(b) + "\" " + (pick(2) ? "east" : "west") +
              " : <16 x i32>\n";
      std::vector<uint32_t> &memory = before.emplace_back(vectors * lanes);
      for (uint32_t &each : memory)
        each = random();
    }
    after = before;
    for (int64_t i = 0; i < 24; ++i)
      addCluster();
    text += "}";
  }

  std::string text;
  std::vector<std::vector<uint32_t>> before, after;

private:
  using Vector = std::vector<uint32_t>;
  struct Access {
    int64_t buffer, index, step;
  };

  int64_t pick(int64_t below) { return int64_t(random() % uint32_t(below)); }
  Access access(int64_t times, bool moves) {
    Access result{pick(buffers), 0, moves || pick(2) ? 1 : 0};
    result.index = pick(vectors - (times - 1) * result.step);
    return result;
  }
  std::string print(const Access &access) {
    return "%b" + std::to_string(access.buffer) + "[" +
           std::to_string(access.index) +
           (access.step ? " step 1" : "") + "]";
  }
  /// Adds what computes a value, and how: of memory in a repetition.
  using Value = std::function<Vector(int64_t)>;
  Value addValue(int64_t depth, int64_t times, std::string &name) {
    if (depth == 0 || pick(4) == 0) {
      Access from = access(times, false);
      read.push_back(from.buffer);
      name = "%" + std::to_string(numbers++);
      text += "  " + name + " = lpu.read " + print(from) + " : <16 x i32>\n";
      return [this, from](int64_t i) {
        const Vector &memory = after[from.buffer];
        auto first = memory.begin() + (from.index + i * from.step) * lanes;
        return Vector(first, first + lanes);
      };
    }
    std::string lhs, rhs;
    Value a = addValue(depth - 1, times, lhs);
    const char *const stream = "!lpu.stream<i32>";
    if (pick(6) == 0) {
      name = "%" + std::to_string(numbers++);
      text += "  " + name + " = lpu.shift " + lhs + " by 1 : " + stream + "\n";
      return [a](int64_t i) {
        Vector from = a(i), result(lanes);
        std::copy(from.begin(), from.end() - 16, result.begin() + 16);
        return result;
      };
    }
    Value b = addValue(depth - 1, times, rhs);
    name = "%" + std::to_string(numbers++);
    int64_t kind = pick(4);
    const char *const kinds[] = {"add", "sub", "xor", "max"};
    text += "  " + name + " = lpu.alu " + kinds[kind] + " " + lhs + ", " + rhs +
            " : " + stream + ", " + stream + " -> " + stream + "\n";
    return [a, b, kind](int64_t i) {
      Vector x = a(i), y = b(i);
      for (int64_t l = 0; l < lanes; ++l)
        x[l] = kind == 0   ? x[l] + y[l]
               : kind == 1 ? x[l] - y[l]
               : kind == 2 ? x[l] ^ y[l]
                           : uint32_t(std::max(int32_t(x[l]), int32_t(y[l])));
      return x;
    };
  }
  void addCluster() {
    int64_t times = pick(3) ? 1 : 2 + pick(7);
    int64_t every = times > 1 ? 3 + pick(4) : 1;
    size_t start = text.size();
    text += "lpu.cluster";
    if (times > 1)
      text += " repeat " + std::to_string(times) + " every " +
              std::to_string(every);
    text += " {\n";
    numbers = 0;
    read.clear();
    std::string name;
    Value value = addValue(1 + pick(3), times, name);
    Access to = access(times, times > 1);
    // Repetitions do not wait for each other.
    if (times > 1 && llvm::is_contained(read, to.buffer))
      return text.resize(start);
    text += "  lpu.write " + name + " to " + print(to) +
            " : !lpu.stream<i32>, <16 x i32>\n}\n";
    for (int64_t i = 0; i < times; ++i) {
      Vector result = value(i);
      std::copy(result.begin(), result.end(),
                after[to.buffer].begin() + (to.index + i * to.step) * lanes);
    }
  }

  std::mt19937 random;
  std::vector<int64_t> read; ///< buffers of the cluster at hand
  int64_t numbers = 0;
};

} // namespace

TEST(LpuSchedule, RandomProgramsComputeWhatTheySay) {
  int64_t placed = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    RandomProgram program(seed);
    Machine machine(program.text, seed);
    // Operands of a deep tree may want one slice in one cycle whatever is done.
    if (!machine.isReady()) {
      EXPECT_NE(machine.message.find("can never be placed"), std::string::npos)
          << machine.message;
      continue;
    }
    ++placed;
    for (int64_t b = 0; b < buffers; ++b)
      machine.write("b" + std::to_string(b), program.before[b]);
    machine.run();
    for (int64_t b = 0; b < buffers; ++b)
      ASSERT_EQ(machine.read<uint32_t>("b" + std::to_string(b), vectors),
                program.after[b])
          << "seed " << seed << "\n"
          << program.text;
    ASSERT_EQ(Machine(program.text).bytes, machine.bytes);
  }
  EXPECT_GE(placed, 50);
}
