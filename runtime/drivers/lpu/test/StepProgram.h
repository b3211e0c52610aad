//===- StepProgram.h - a small model as a program, for driver tests -------===//
//
// One layer, one head, head size 1, a vocabulary of 4. A step stores the token as
// key and value of its position and computes
//
//   logits[v] = bias[v] + sum over all positions of (key + value)
//
// so rows behind the position must be zero, and rows before it what earlier steps
// of the same sequence stored. Bias is parameter 0, f32 [4].
//===----------------------------------------------------------------------===//
#ifndef MOERT_DRIVERS_LPU_TEST_STEPPROGRAM_H
#define MOERT_DRIVERS_LPU_TEST_STEPPROGRAM_H

#include "ProgramBuilder.h"
#include <functional>

namespace moert::lpu::test {

/// What of a program the driver looks at, to be changed by tests.
struct StepSpec {
  uint64_t context = 8, vocabulary = 4;
  int32_t token = 0, position = 1, logits = 4, nextToken = -1;
  int layers = 1;
  uint32_t keyHigh = 6, keyLow = 7, value = 3;
  std::vector<int32_t> heads = repeated(0), dims = repeated(0);
  bool lopsided = false;    ///< lane 3 stores 0 for the token
  uint64_t wrongCycles = 0; ///< added to those that the segment says
  std::string machineName;  ///< empty: the machine's own

  // The load of the bias.
  uint64_t first = 0;
  uint32_t parameter = 0;
  unsigned matrix = 0;
  Field field = Field::Values;
  bool transposed = false;
  std::vector<int32_t> rows = {0}, columns = biasColumns();
  std::vector<float> factors;

  /// Lanes 0 to 3 hold the state; there is nothing in the others.
  static std::vector<int32_t> repeated(int32_t number) {
    std::vector<int32_t> lanes(320, -1);
    std::fill_n(lanes.begin(), 4, number);
    return lanes;
  }
  static std::vector<int32_t> biasColumns() {
    std::vector<int32_t> lanes(320, -1);
    for (int32_t lane = 0; lane < 4; ++lane)
      lanes[size_t(lane)] = lane;
    return lanes;
  }
};

/// The instructions. Buffers lie east, each in a group of slices of its own, so
/// slice 4 g is at column g + 1.
class StepProgram {
public:
  explicit StepProgram(StepSpec given = {}, std::string machine = machineText())
      : spec(std::move(given)), builder(std::move(machine)) {
    addBuffers();
    uint64_t time = 100;
    for (uint16_t row = 0; row < rows; ++row, time += 160) {
      storeValue(row, time);
      storeKey(row, time + 40);
      add(row, time + 80, /*isKey=*/false);
      add(row, time + 120, /*isKey=*/true);
    }
  }

  std::vector<char> bytes() {
    std::vector<std::byte> plain = builder.bytes();
    SimulatorOptions options;
    options.record = true;
    RunOutcome outcome = builder.runBytes(plain, options);
    if (!outcome.error.empty())
      throw std::runtime_error(outcome.error);
    cycles = outcome.result.cycles;
    plain = builder.bytes(&outcome.simulator->recorded());
    return finish(*GetProgram(plain.data()));
  }

  uint64_t cycles = 0; ///< of a step

private:
  static constexpr uint16_t rows = 8;
  enum { Token, Position, Numbers, Value, Sum, Bias, KeyHigh, KeyLow };

  void addBuffers() {
    auto words = [&](const char *name, BufferKind kind, unsigned type,
                     uint64_t count, uint8_t slice, int planes) {
      BufferSpec buffer;
      buffer.name = name, buffer.kind = kind, buffer.type = type;
      buffer.count = count;
      buffer.slices.clear();
      for (int plane = 0; plane < planes; ++plane)
        buffer.slices.push_back(uint8_t(slice + plane));
      if (kind == BufferKind::Constant)
        addNumbers(buffer);
      size_t index = builder.buffer(buffer);
      if (kind != BufferKind::Constant && kind != BufferKind::Output)
        builder.contents[index].resize(count * uint64_t(planes) * 320);
    };
    words("token", BufferKind::Input, MOERT_LPU_I32, 1, 0, 4);
    words("position", BufferKind::Input, MOERT_LPU_I32, 1, 4, 4);
    words("numbers", BufferKind::Constant, MOERT_LPU_I32, rows, 8, 4);
    words("value", BufferKind::State, MOERT_LPU_F32, rows, 12, 4);
    words("sum", BufferKind::Output, MOERT_LPU_F32, 1, 16, 4);
    words("bias", BufferKind::Parameter, MOERT_LPU_F32, 1, 20, 4);
    words("key_high", BufferKind::State, MOERT_LPU_F16, rows, 24, 2);
    words("key_low", BufferKind::State, MOERT_LPU_F16, rows, 28, 2);
  }

  /// Vector i is i in each lane.
  void addNumbers(BufferSpec &buffer) {
    for (uint32_t i = 0; i < buffer.count && !spec.lopsided; ++i)
      buffer.splats.push_back(i);
    if (!spec.lopsided)
      return;
    buffer.bytes.resize(buffer.count * 4 * 320);
    for (uint32_t i = 0; i < buffer.count; ++i)
      for (uint32_t lane = 0; lane < 320; ++lane)
        buffer.bytes[i * 4 * 320 + lane] = lane == 3 ? 99 : uint8_t(i);
  }

  /// Slices from `slice` on, so that an ALU that is issued at `time` can take the
  /// vector from streams that flow west.
  void read(uint8_t slice, int planes, uint16_t row, int stream,
            uint64_t time) {
    const uint64_t column = 1 + slice / 4;
    for (int plane = 0; plane < planes; ++plane)
      builder.read(East, slice + plane)
          .at(time - 5 - column,
              lpu::test::read(row, uint8_t(W(stream + plane))));
  }
  /// The same for what an ALU that is issued at `time` puts onto streams.
  void write(uint8_t slice, int planes, uint16_t row, int stream,
             uint64_t time) {
    const uint64_t column = 1 + slice / 4;
    for (int plane = 0; plane < planes; ++plane)
      builder.write(East, slice + plane)
          .at(time + 2 + column,
              lpu::test::write(uint8_t(E(stream + plane)), row));
  }

  /// value[row] += f32(token) where position is row.
  void storeValue(uint16_t row, uint64_t t) {
    read(0, 4, 0, 8, t);
    read(4, 4, 0, 0, t);
    read(8, 4, row, 4, t);
    read(12, 4, row, 12, t + 6);
    builder.alu(0).at(t, convert(MOERT_LPU_I32, MOERT_LPU_F32, W(8)));
    builder.alu(1).at(t, compare(MOERT_LPU_EQ, MOERT_LPU_I32, W(0), W(4)));
    builder.alu(2).at(t + 3, binary(MOERT_LPU_MASK, MOERT_LPU_F32, fromAlu(0),
                                    fromAlu(1)));
    builder.alu(3).at(t + 6, binary(MOERT_LPU_ADD, MOERT_LPU_F32, fromAlu(2),
                                    W(12), E(0)));
    write(12, 4, row, 0, t + 6);
  }
  /// key_high[row] += f16(token) where position is row; key_low[row] = 0.
  void storeKey(uint16_t row, uint64_t t) {
    read(4, 4, 0, 16, t);
    read(8, 4, row, 20, t);
    read(0, 4, 0, 24, t + 3);
    read(24, 2, row, 28, t + 9);
    builder.alu(9).at(t, compare(MOERT_LPU_EQ, MOERT_LPU_I32, W(16), W(20)));
    builder.alu(11).at(t + 3, binary(MOERT_LPU_MASK, MOERT_LPU_I32, W(24),
                                     fromAlu(9)));
    builder.alu(10).at(t + 6, convert(MOERT_LPU_I32, MOERT_LPU_F16,
                                      fromAlu(11)));
    builder.alu(8).at(t + 9, binary(MOERT_LPU_ADD, MOERT_LPU_F16, fromAlu(10),
                                    W(28), E(16)));
    write(24, 2, row, 16, t + 9);
  }
  /// sum += value[row] or key[row]; the first takes the bias for the sum.
  void add(uint16_t row, uint64_t t, bool isKey) {
    const bool isFirst = row == 0 && !isKey;
    read(isFirst ? 20 : 16, 4, 0, 0, t);
    if (isKey) {
      read(24, 2, row, 8, t - 3);
      builder.alu(0).at(t - 3, convert(MOERT_LPU_F16, MOERT_LPU_F32, W(8)));
    } else {
      read(12, 4, row, 12, t);
    }
    builder.alu(3).at(t, binary(MOERT_LPU_ADD, MOERT_LPU_F32,
                                isKey ? fromAlu(0) : W(12), W(0), E(0)));
    write(16, 4, 0, 0, t);
  }

  flatbuffers::Offset<Buffer> copyBuffer(flatbuffers::FlatBufferBuilder &fbb,
                                         const BufferSpec &b) const {
    std::vector<flatbuffers::Offset<Load>> loads;
    if (b.kind == BufferKind::Parameter)
      loads.push_back(CreateLoadDirect(
          fbb, spec.first, spec.parameter, uint8_t(spec.matrix), spec.field,
          spec.transposed, &spec.rows, &spec.columns,
          spec.factors.empty() ? nullptr : &spec.factors));
    return CreateBufferDirect(
        fbb, b.name.c_str(), b.kind, uint8_t(b.type), b.count, uint16_t(b.chip),
        uint8_t(b.hemisphere), &b.slices, b.row, b.step,
        b.splats.empty() ? nullptr : &b.splats,
        b.bytes.empty() ? nullptr : &b.bytes,
        loads.empty() ? nullptr : &loads);
  }
  static flatbuffers::Offset<Track>
  copyTrack(flatbuffers::FlatBufferBuilder &fbb, const Track &t) {
    std::vector<Word> words;
    for (const Word *word : *t.words())
      words.push_back(*word);
    std::vector<uint32_t> claims(t.claims()->begin(), t.claims()->end());
    std::vector<uint16_t> uses(t.uses()->begin(), t.uses()->end());
    return CreateTrackDirect(fbb, t.chip(), t.kind(), t.hemisphere(), t.index(),
                             &words, &claims, &uses, t.resident());
  }
  /// What the builder made, with loads and the interface of a model.
  std::vector<char> finish(const Program &plain) const {
    flatbuffers::FlatBufferBuilder fbb;
    std::vector<flatbuffers::Offset<Buffer>> buffers;
    for (const BufferSpec &buffer : builder.buffers)
      buffers.push_back(copyBuffer(fbb, buffer));
    std::vector<flatbuffers::Offset<Track>> tracks;
    for (const Track *track : *plain.segments()->Get(0)->tracks())
      tracks.push_back(copyTrack(fbb, *track));
    std::vector<flatbuffers::Offset<Segment>> segments = {CreateSegmentDirect(
        fbb, "step", &tracks, cycles + spec.wrongCycles)};
    std::vector<flatbuffers::Offset<LayerState>> layers;
    for (int i = 0; i < spec.layers; ++i)
      layers.push_back(
          CreateLayerState(fbb, spec.keyHigh, spec.keyLow, spec.value));
    std::string name = spec.machineName.empty() ? plain.machine_name()->str()
                                                : spec.machineName;
    FinishProgramBuffer(
        fbb, CreateProgramDirect(
                 fbb, name.c_str(), plain.machine()->c_str(), 1, nullptr,
                 &buffers, &segments, spec.token, spec.position, spec.logits,
                 spec.nextToken, spec.vocabulary, spec.context, &layers,
                 &spec.heads, &spec.dims));
    auto *begin = reinterpret_cast<const char *>(fbb.GetBufferPointer());
    return std::vector<char>(begin, begin + fbb.GetSize());
  }

  StepSpec spec;
  TestProgram builder;
};

} // namespace moert::lpu::test

#endif // MOERT_DRIVERS_LPU_TEST_STEPPROGRAM_H
