//===- CalibrationLstmTest.cpp - Groq's ten cycle counts of an LSTM cell --===//
//
// An LSTM cell with int8 weights as Groq's notebook lays it out, by hand: one
// gate on each plane, the two planes of a hemisphere loaded one after the other
// from the same 16 slices, seven phases of which each waits for the one before.
// The pause of 12 cycles is the machine's. Where vectors lie was chosen: other
// slices add or take some cycles, the same number for all ten counts
// (docs/LPU.md).
//===----------------------------------------------------------------------===//
#include "Calibration.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

constexpr int64_t width = 320, columnCycles = 20, gates = 4;

/// c' = f c + i g, h = o tanh(c'); a sigmoid is (1 + tanh) / 2, so that gates
/// are tanh of the sums times a scale. Gate i is on plane 0 of the west, f on
/// 1, g on 0 of the east, o on 1; the row of four ALUs with the same number is
/// the gate's.
class Cell {
public:
  enum Gate { InputGate, ForgetGate, CellGate, OutputGate };

  Cell(int64_t hidden, int64_t batch);

  RunOutcome run() const { return p.run(); }
  /// Whether what a run left in memory is what it should be.
  void check(const Simulator &simulator) const;
  int64_t cycles() const { return end + 20; }

private:
  static constexpr int weightSlices = 0, inputSlice = 16, activationSlice = 17,
                       outputSlice = 18, sumSlices = 20, gateSlices = 28,
                       cellSlices = 36, tanhSlices = 40;
  static constexpr uint16_t secondBank = 4096, constantRow = 8000;

  void makeBuffers();
  void distributeInputs();
  void multiplyByTiles();
  void applyGates();
  void updateCell();
  void takeTanh();
  void makeOutput();

  static Hemisphere sideOf(int64_t gate) { return gate < 2 ? West : East; }
  /// First slice of a gate's four.
  static int at(int slices, int64_t gate) { return slices + 4 * int(gate % 2); }
  /// Streams that the gate's row of ALUs reaches: of products, of what is added
  /// to them, and outward; the last ones are beside those of loads.
  static int productStream(int64_t gate) { return int(8 * gate); }
  static int addedStream(int64_t gate) { return int(8 * gate + 4); }
  static int resultStream(int64_t gate) {
    constexpr int streams[] = {0, 8, 16, 28};
    return streams[gate];
  }
  static int weightStream(Hemisphere h) { return h == West ? 16 : 0; }
  static constexpr int activationStream[2] = {4, 24};

  /// READs of an f32 or i32 buffer, one vector a cycle.
  void readVectors(Hemisphere h, int slices, int64_t cycle, int64_t row,
                   uint8_t stream, int64_t count, int64_t step = 1) {
    for (int b = 0; b < 4; ++b)
      test::stream(p.read(h, slices + b), cycle,
                   test::read(uint16_t(row), uint8_t(stream + b)), count, step);
  }
  void writeVectors(Hemisphere h, int slices, int64_t cycle, int64_t row,
                    uint8_t stream, int64_t count) {
    for (int b = 0; b < 4; ++b)
      test::stream(p.write(h, slices + b), cycle,
                   test::write(uint8_t(stream + b), uint16_t(row)), count, 1);
    end = std::max(end, cycle + count - 1 + machine.latency.write);
  }

  TestProgram p;
  Machine machine;
  Times times;
  int64_t batch, tiles;               ///< of 320 hidden features
  int64_t inputs;                     ///< of x and h together
  int64_t vectors;                    ///< of a gate: tiles * batch
  int64_t end = 0;                    ///< of what has been scheduled
  std::vector<int8_t> weights[gates]; ///< [tile][input][column][lane]
  std::vector<int8_t> x;              ///< [input][batch][lane]
  std::vector<float> scales[gates];   ///< [tile][lane]
  std::vector<float> c;               ///< [tile][batch][lane]
  size_t cellOut, output;
};

Cell::Cell(int64_t hidden, int64_t batch)
    : p(machineText("tsp1-groq")), machine(machineOf(p.machine)),
      times(machine), batch(batch), tiles((hidden + width - 1) / width),
      inputs(2 * tiles), vectors(tiles * batch) {
  makeBuffers();
  distributeInputs();
  multiplyByTiles();
  applyGates();
  updateCell();
  takeTanh();
  makeOutput();
}

void Cell::makeBuffers() {
  Numbers numbers(1);
  auto bytesOf = [](const std::vector<int8_t> &values) {
    return std::vector<uint8_t>(values.begin(), values.end());
  };
  const int64_t passes = tiles * inputs;
  for (int64_t gate = 0; gate < gates; ++gate) {
    weights[gate].resize(size_t(passes * width * width));
    for (int8_t &w : weights[gate])
      w = numbers.level(40);
    scales[gate].resize(size_t(tiles * width));
    for (float &s : scales[gate])
      s = 1e-4f * (1 + numbers.fraction() / 2);
  }
  x.resize(size_t(inputs * batch * width));
  for (int8_t &v : x)
    v = numbers.level(40);
  c.resize(size_t(vectors * width));
  for (float &v : c)
    v = numbers.fraction();

  for (Hemisphere h : {West, East}) {
    // The tiles of both planes in turn.
    std::vector<uint8_t> both;
    for (int64_t pass = 0; pass < passes; ++pass)
      for (int64_t plane = 0; plane < 2; ++plane) {
        auto first = weights[2 * h + plane].begin() + pass * width * width;
        both.insert(both.end(), first, first + width * width);
      }
    p.input({.name = "weights",
             .count = uint64_t(2 * passes * width),
             .hemisphere = h,
             .slices = slicesFrom(weightSlices, 16)},
            std::move(both));
    p.buffer({.name = "activations",
              .kind = BufferKind::Temporary,
              .count = uint64_t(inputs * batch),
              .hemisphere = h,
              .slices = {activationSlice}});
  }
  for (int64_t gate = 0; gate < gates; ++gate) {
    for (uint16_t bank : {uint16_t(0), secondBank})
      p.buffer({.name = "sums",
                .kind = BufferKind::Temporary,
                .type = MOERT_LPU_I32,
                .count = uint64_t(vectors),
                .hemisphere = sideOf(gate),
                .slices = slicesFrom(at(sumSlices, gate), 4),
                .row = bank});
    p.input({.name = "scales",
             .type = MOERT_LPU_F32,
             .count = uint64_t(tiles),
             .hemisphere = sideOf(gate),
             .slices = slicesFrom(at(gateSlices, gate), 4)},
            planesOfVectors(scales[gate], width));
    p.buffer({.name = "gate",
              .kind = BufferKind::Temporary,
              .type = MOERT_LPU_F32,
              .count = uint64_t(vectors),
              .hemisphere = sideOf(gate),
              .slices = slicesFrom(at(gateSlices, gate), 4),
              .row = secondBank});
  }
  p.input(
      {.name = "x", .count = uint64_t(inputs * batch), .slices = {inputSlice}},
      bytesOf(x));
  p.input({.name = "c",
           .type = MOERT_LPU_F32,
           .count = uint64_t(vectors),
           .slices = slicesFrom(cellSlices, 4)},
          planesOfVectors(c, width));
  cellOut = p.buffer({.name = "c'",
                      .kind = BufferKind::Output,
                      .type = MOERT_LPU_F32,
                      .count = uint64_t(vectors),
                      .slices = slicesFrom(cellSlices, 4),
                      .row = secondBank});
  p.buffer({.name = "tanh",
            .kind = BufferKind::Temporary,
            .type = MOERT_LPU_F32,
            .count = uint64_t(vectors),
            .slices = slicesFrom(tanhSlices, 4)});
  for (auto [slices, value] :
       {std::pair(cellSlices, 0.5f), {tanhSlices, 63.5f}})
    p.input({.name = "constant",
             .type = MOERT_LPU_F32,
             .slices = slicesFrom(slices, 4),
             .row = constantRow},
            planesOfVectors(std::vector<float>(width, value), width));
  output = p.buffer({.name = "h",
                     .kind = BufferKind::Output,
                     .count = uint64_t(vectors),
                     .slices = {outputSlice}});
}

/// x and h to the activations of either hemisphere, one after the other.
void Cell::distributeInputs() {
  const int64_t count = inputs * batch;
  const int64_t alu = -times.readForAlu(0, inputSlice);
  TestTrack &reads = p.read(East, inputSlice);
  for (Hemisphere h : {East, West}) {
    const int64_t first = h == East ? 0 : count;
    test::stream(reads, first, test::read(0, W(0)), count, 1);
    test::stream(p.alu(0), alu + first,
                 unary(MOERT_LPU_PASS, MOERT_LPU_I8, W(0), outward(h, 4)),
                 count);
    const int64_t written = times.writeOfAlu(alu + first, activationSlice);
    test::stream(p.write(h, activationSlice), written,
                 test::write(outward(h, 4), 0), count, 1);
    end = std::max(end, written + count - 1 + machine.latency.write);
  }
}

/// For each tile: 20 cycles of loading for either plane, the pause, the batch.
void Cell::multiplyByTiles() {
  int64_t load = end + machine.latency.read + machine.position.mxm -
                 machine.columnOf(weightSlices);
  for (int64_t pass = 0; pass < tiles * inputs; ++pass) {
    const int64_t tile = pass / inputs, input = pass % inputs;
    const int64_t feed = load + 2 * columnCycles + machine.mxm.overhead;
    for (Hemisphere h : {West, East}) {
      for (int s = 0; s < 16; ++s)
        test::stream(p.read(h, weightSlices + s),
                     times.readForMxm(load, weightSlices + s),
                     test::read(uint16_t(pass * 2 * columnCycles),
                                outward(h, weightStream(h) + s)),
                     2 * columnCycles, 1);
      test::stream(
          p.read(h, activationSlice), times.readForMxm(feed, activationSlice),
          test::read(uint16_t(input * batch), outward(h, activationStream[h])),
          batch, 1);
      for (int plane = 0; plane < 2; ++plane) {
        const int64_t gate = 2 * h + plane;
        p.load(h, plane)
            .at(uint64_t(load + plane * columnCycles),
                lw(outward(h, weightStream(h)), columnCycles))
            .at(uint64_t(load + 2 * columnCycles), iw());
        p.feed(h, plane).at(uint64_t(feed), abc(outward(h, activationStream[h]),
                                                uint64_t(batch)));
        const uint8_t product = inward(h, productStream(gate)),
                      added = inward(h, addedStream(gate)),
                      result = outward(h, resultStream(gate));
        p.drain(h, plane).at(uint64_t(feed), acc(product, uint64_t(batch)));
        const int64_t alu = times.aluOfProduct(feed);
        const int slices = at(sumSlices, gate);
        const uint16_t from = input % 2 ? 0 : secondBank,
                       to = input % 2 ? secondBank : 0;
        if (input)
          readVectors(h, slices, times.readForAlu(alu, slices),
                      from + tile * batch, added, batch);
        test::stream(
            p.alu(int(4 * gate)), alu,
            input ? binary(MOERT_LPU_ADD, MOERT_LPU_I32, product, added, result)
                  : unary(MOERT_LPU_PASS, MOERT_LPU_I32, product, result),
            batch);
        writeVectors(h, slices, times.writeOfAlu(alu, slices),
                     to + tile * batch, result, batch);
      }
    }
    load = feed + batch;
  }
}

/// tanh(sum * scale) of each gate.
void Cell::applyGates() {
  // In each row of ALUs two are large: one converts, the other knows tanh.
  constexpr int convert[] = {0, 5, 8, 13}, multiply[] = {1, 6, 9, 12},
                tanh[] = {2, 7, 10, 15};
  const int64_t alu = end - times.readForAlu(0, sumSlices + 4);
  for (int64_t gate = 0; gate < gates; ++gate) {
    const Hemisphere h = sideOf(gate);
    const uint8_t sum = inward(h, addedStream(gate)),
                  scale = inward(h, productStream(gate)),
                  result = outward(h, resultStream(gate));
    const int sums = at(sumSlices, gate), own = at(gateSlices, gate);
    readVectors(h, sums, times.readForAlu(alu, sums), secondBank, sum, vectors);
    for (int64_t tile = 0; tile < tiles; ++tile)
      readVectors(h, own,
                  times.readForAlu(alu + machine.latency.alu, own) +
                      tile * batch,
                  tile, scale, batch, 0);
    test::stream(p.alu(convert[gate]), alu,
                 test::convert(MOERT_LPU_I32, MOERT_LPU_F32, sum), vectors);
    test::stream(
        p.alu(multiply[gate]), alu + machine.latency.alu,
        binary(MOERT_LPU_MUL, MOERT_LPU_F32, fromAlu(convert[gate]), scale),
        vectors);
    test::stream(
        p.alu(tanh[gate]), alu + 2 * machine.latency.alu,
        unary(MOERT_LPU_TANH, MOERT_LPU_F32, fromAlu(multiply[gate]), result),
        vectors);
    writeVectors(h, own, times.writeOfAlu(alu + 2 * machine.latency.alu, own),
                 secondBank, result, vectors);
  }
}

/// c' = ((tanh_f + 1) c + (tanh_i + 1) g) / 2
void Cell::updateCell() {
  const int64_t step = machine.latency.alu;
  const int64_t alu = end - times.readForAlu(0, cellSlices);
  // The half waits in ALU 7.
  const int64_t latch = alu - step;
  for (int b = 0; b < 4; ++b)
    p.read(East, cellSlices + b)
        .at(uint64_t(times.readForAlu(latch, cellSlices)),
            test::read(constantRow, uint8_t(W(20) + b)));
  p.alu(7).at(uint64_t(latch), unary(MOERT_LPU_LATCH, MOERT_LPU_F32, W(20)));
  auto gate = [&](Gate which, uint8_t stream) {
    const int slices = at(gateSlices, which);
    readVectors(sideOf(which), slices, times.readForAlu(alu, slices),
                secondBank, stream, vectors);
  };
  gate(InputGate, E(0));
  gate(CellGate, W(12));
  gate(ForgetGate, E(8));
  readVectors(East, cellSlices, times.readForAlu(alu, cellSlices), 0, W(16),
              vectors);
  auto compute = [&](int unit, int64_t when, const Instruction &i) {
    test::stream(p.alu(unit), alu + when * step, i, vectors);
  };
  const unsigned f32 = MOERT_LPU_F32;
  compute(0, 0, binary(MOERT_LPU_MUL, f32, E(0), W(12)));
  compute(1, 0, unary(MOERT_LPU_PASS, f32, W(12)));
  compute(2, 1, binary(MOERT_LPU_ADD, f32, fromAlu(0), fromAlu(1)));
  compute(4, 0, binary(MOERT_LPU_MUL, f32, E(8), W(16)));
  compute(5, 0, unary(MOERT_LPU_PASS, f32, W(16)));
  compute(6, 1, binary(MOERT_LPU_ADD, f32, fromAlu(4), fromAlu(5)));
  compute(3, 2, binary(MOERT_LPU_ADD, f32, fromAlu(2), fromAlu(6)));
  compute(7, 3, binary(MOERT_LPU_MUL, f32, fromAlu(3), fromLatch, E(16)));
  writeVectors(East, cellSlices, times.writeOfAlu(alu + 3 * step, cellSlices),
               secondBank, E(16), vectors);
}

void Cell::takeTanh() {
  const int64_t alu = end - times.readForAlu(0, cellSlices);
  readVectors(East, cellSlices, end, secondBank, W(16), vectors);
  test::stream(p.alu(5), alu,
               unary(MOERT_LPU_TANH, MOERT_LPU_F32, W(16), E(16)), vectors);
  writeVectors(East, tanhSlices, times.writeOfAlu(alu, tanhSlices), 0, E(16),
               vectors);
}

/// h = (tanh_o + 1) tanh(c') / 2, as levels of 127.
void Cell::makeOutput() {
  const int64_t step = machine.latency.alu;
  const int64_t alu = end - times.readForAlu(0, tanhSlices);
  const int64_t latch = alu - 1;
  for (int b = 0; b < 4; ++b)
    p.read(East, tanhSlices + b)
        .at(uint64_t(times.readForAlu(latch, tanhSlices)),
            test::read(constantRow, uint8_t(W(20) + b)));
  p.alu(11).at(uint64_t(latch), unary(MOERT_LPU_LATCH, MOERT_LPU_F32, W(20)));
  const int gate = at(gateSlices, OutputGate);
  readVectors(East, gate, times.readForAlu(alu, gate), secondBank, W(24),
              vectors);
  readVectors(East, tanhSlices, end, 0, W(28), vectors);
  auto compute = [&](int unit, int64_t when, const Instruction &i) {
    test::stream(p.alu(unit), alu + when * step, i, vectors);
  };
  const unsigned f32 = MOERT_LPU_F32;
  compute(12, 0, binary(MOERT_LPU_MUL, f32, W(24), W(28)));
  compute(14, 0, unary(MOERT_LPU_PASS, f32, W(28)));
  compute(9, 1, binary(MOERT_LPU_ADD, f32, fromAlu(12), fromAlu(14)));
  compute(11, 2, binary(MOERT_LPU_MUL, f32, fromAlu(9), fromLatch));
  compute(13, 3, test::convert(f32, MOERT_LPU_I8, fromAlu(11), E(28)));
  const int64_t written = times.writeOfAlu(alu + 3 * step, outputSlice);
  test::stream(p.write(East, outputSlice), written, test::write(E(28), 0),
               vectors, 1);
  end = std::max(end, written + vectors - 1 + machine.latency.write);
}

void Cell::check(const Simulator &simulator) const {
  std::vector<uint8_t> cells =
                           contentsOf(simulator, cellOut, uint64_t(vectors)),
                       outputs =
                           contentsOf(simulator, output, uint64_t(vectors));
  ASSERT_EQ(outputs.size(), size_t(vectors * width));
  std::vector<float> expected(size_t(vectors * width));
  for (int64_t v = 0; v < vectors; ++v)
    for (int64_t n = 0; n < width; ++n) {
      const int64_t tile = v / batch, b = v % batch;
      float gate[gates];
      for (int64_t g = 0; g < gates; ++g) {
        int32_t sum = 0;
        for (int64_t i = 0; i < inputs; ++i) {
          const int8_t *w =
              &weights[g][size_t(((tile * inputs + i) * width + n) * width)];
          for (int64_t k = 0; k < width; ++k)
            sum += w[k] * x[size_t((i * batch + b) * width + k)];
        }
        const float scaled = float(sum) * scales[g][size_t(tile * width + n)];
        gate[g] = float(std::tanh(double(scaled)));
      }
      const float before = c[size_t(v * width + n)];
      const float input = gate[InputGate] * gate[CellGate];
      const float forget = gate[ForgetGate] * before;
      const float more = input + gate[CellGate], kept = forget + before;
      const float both = more + kept;
      const float cell = both * 0.5f;
      const float top = float(std::tanh(double(cell)));
      const float product = gate[OutputGate] * top;
      const float opened = product + top;
      expected[size_t(v * width + n)] = cell;
      ASSERT_EQ(int8_t(outputs[size_t(v * width + n)]),
                int8_t(std::nearbyint(opened * 63.5f)))
          << v << " " << n;
    }
  EXPECT_EQ(cells, planesOfVectors(expected, width));
}

struct Published {
  int64_t hidden, batch;
  double cycles;
};

class Lstm : public testing::TestWithParam<Published> {};

} // namespace

TEST_P(Lstm, IsWithinTwoPercentOfGroqsCount) {
  const Published &published = GetParam();
  Cell cell(published.hidden, published.batch);
  RunOutcome run = cell.run();
  ASSERT_EQ(run.error, "");
  EXPECT_EQ(int64_t(run.result.cycles), cell.cycles());
  EXPECT_NEAR(double(run.result.cycles), published.cycles,
              0.02 * published.cycles);
  RecordProperty("cycles", int(run.result.cycles));
}

INSTANTIATE_TEST_SUITE_P(
    Calibration, Lstm,
    testing::Values(Published{512, 1, 670}, Published{512, 3, 718},
                    Published{512, 6, 790}, Published{512, 8, 838},
                    Published{512, 32, 1413}, Published{1024, 1, 1958},
                    Published{1024, 3, 2086}, Published{1024, 6, 2278},
                    Published{1024, 8, 2406}, Published{1024, 32, 3941}),
    [](const testing::TestParamInfo<Published> &info) {
      return "H" + std::to_string(info.param.hidden) + "B" +
             std::to_string(info.param.batch);
    });

TEST(Calibration, TheLstmCellComputesAnLstmCell) {
  Cell cell(512, 3);
  RunOutcome run = cell.run();
  ASSERT_EQ(run.error, "");
  EXPECT_EQ(run.result.overflow.count, 0u);
  cell.check(*run.simulator);
}
