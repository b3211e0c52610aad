//===- StepProgram.h - a small model as a program, for driver tests -------===//
//
// One layer, one head, head size 1, a vocabulary of 4. A step stores the token
// as key and value of its position and computes
//
//   logits[v] = bias[v] + sum over all positions of (key + value)
//
// so rows behind the position must be zero, and rows before it what earlier
// steps of the same sequence stored. Bias is parameter 0, f32 [4].
//
// With an exit, its score is the token; the logits of a token that left are
// more by the token, those of the others by the position.
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
  bool hasExit = false;
  int32_t score = 8;
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
    if (spec.hasExit)
      addPieces();
    uint64_t time = 100;
    for (uint16_t row = 0; row < rows; ++row, time += 160) {
      storeValue(row, time);
      storeKey(row, time + 40);
      add(row, time + 80, /*isKey=*/false);
      add(row, time + 120, /*isKey=*/true);
    }
  }

  std::vector<char> bytes() {
    std::vector<std::vector<std::byte>> plain = {builder.bytes()};
    for (const TestProgram &piece : pieces)
      plain.push_back(piece.bytes());
    segmentCycles.assign(plain.size(), 0);
    const std::vector<char> silent = finish(plain, StepSpec());
    // Tokens that stay and tokens that leave run different pieces.
    std::vector<Recorded> recorded(plain.size());
    if (spec.hasExit)
      record(silent, {0, 1, 2}, recorded);
    record(silent,
           spec.hasExit ? std::vector<size_t>{0, 1, 3} : std::vector<size_t>{0},
           recorded);
    plain = {builder.bytes(&recorded[0])};
    for (size_t i = 0; i < pieces.size(); ++i)
      plain.push_back(pieces[i].bytes(&recorded[i + 1]));
    cycles = segmentCycles[0];
    return finish(plain, spec);
  }

  uint64_t cycles = 0; ///< of a step without exits
  std::vector<uint64_t> segmentCycles;

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

  /// What a token runs that asks, that left, and that goes on.
  void addPieces() {
    BufferSpec score;
    score.name = "score", score.kind = BufferKind::Output;
    score.type = MOERT_LPU_F32, score.slices = {32, 33, 34, 35};
    builder.buffer(score);
    pieces.assign(3, builder);
    read(pieces[0], 0, 4, 0, 8, 100);
    pieces[0].alu(0).at(100, convert(MOERT_LPU_I32, MOERT_LPU_F32, W(8), E(0)));
    write(pieces[0], 32, 4, 0, 0, 100);
    addNumber(pieces[1], /*slice=*/0);
    addNumber(pieces[2], /*slice=*/4);
  }
  /// sum += f32 of the vector in that slice.
  void addNumber(TestProgram &piece, uint8_t slice) {
    read(piece, slice, 4, 0, 8, 100);
    read(piece, 16, 4, 0, 0, 103);
    piece.alu(0).at(100, convert(MOERT_LPU_I32, MOERT_LPU_F32, W(8)));
    piece.alu(3).at(
        103, binary(MOERT_LPU_ADD, MOERT_LPU_F32, fromAlu(0), W(0), E(0)));
    write(piece, 16, 4, 0, 0, 103);
  }

  void record(const std::vector<char> &program, const std::vector<size_t> &path,
              std::vector<Recorded> &recorded) {
    SimulatorOptions options;
    options.record = true;
    std::unique_ptr<Simulator> simulator;
    auto check = [](Status status) {
      if (status)
        throw std::runtime_error(status.message());
    };
    check(Simulator::create(std::as_bytes(std::span(program)), options,
                            &simulator));
    for (const auto &[buffer, bytes] : builder.contents)
      check(simulator->writeVectors(buffer, 0, builder.buffers[buffer].count,
                                    std::as_bytes(std::span(bytes))));
    for (size_t segment : path) {
      Result result;
      check(simulator->run(segment, result, segment == 0));
      segmentCycles[segment] = result.cycles;
      recorded[segment] = simulator->recorded();
    }
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

  /// Slices from `slice` on, so that an ALU that is issued at `time` can take
  /// the vector from streams that flow west.
  void read(uint8_t slice, int planes, uint16_t row, int stream,
            uint64_t time) {
    read(builder, slice, planes, row, stream, time);
  }
  static void read(TestProgram &to, uint8_t slice, int planes, uint16_t row,
                   int stream, uint64_t time) {
    const uint64_t column = 1 + slice / 4;
    for (int plane = 0; plane < planes; ++plane)
      to.read(East, slice + plane)
          .at(time - 5 - column,
              lpu::test::read(row, uint8_t(W(stream + plane))));
  }
  /// The same for what an ALU that is issued at `time` puts onto streams.
  void write(uint8_t slice, int planes, uint16_t row, int stream,
             uint64_t time) {
    write(builder, slice, planes, row, stream, time);
  }
  static void write(TestProgram &to, uint8_t slice, int planes, uint16_t row,
                    int stream, uint64_t time) {
    const uint64_t column = 1 + slice / 4;
    for (int plane = 0; plane < planes; ++plane)
      to.write(East, slice + plane)
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
    builder.alu(2).at(
        t + 3, binary(MOERT_LPU_MASK, MOERT_LPU_F32, fromAlu(0), fromAlu(1)));
    builder.alu(3).at(
        t + 6, binary(MOERT_LPU_ADD, MOERT_LPU_F32, fromAlu(2), W(12), E(0)));
    write(12, 4, row, 0, t + 6);
  }
  /// key_high[row] += f16(token) where position is row; key_low[row] = 0.
  void storeKey(uint16_t row, uint64_t t) {
    read(4, 4, 0, 16, t);
    read(8, 4, row, 20, t);
    read(0, 4, 0, 24, t + 3);
    read(24, 2, row, 28, t + 9);
    builder.alu(9).at(t, compare(MOERT_LPU_EQ, MOERT_LPU_I32, W(16), W(20)));
    builder.alu(11).at(
        t + 3, binary(MOERT_LPU_MASK, MOERT_LPU_I32, W(24), fromAlu(9)));
    builder.alu(10).at(t + 6,
                       convert(MOERT_LPU_I32, MOERT_LPU_F16, fromAlu(11)));
    builder.alu(8).at(
        t + 9, binary(MOERT_LPU_ADD, MOERT_LPU_F16, fromAlu(10), W(28), E(16)));
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

  static flatbuffers::Offset<Buffer>
  copyBuffer(flatbuffers::FlatBufferBuilder &fbb, const BufferSpec &b,
             const StepSpec &as) {
    std::vector<flatbuffers::Offset<Load>> loads;
    if (b.kind == BufferKind::Parameter)
      loads.push_back(
          CreateLoadDirect(fbb, as.first, as.parameter, uint8_t(as.matrix),
                           as.field, as.transposed, &as.rows, &as.columns,
                           as.factors.empty() ? nullptr : &as.factors));
    return CreateBufferDirect(
        fbb, b.name.c_str(), b.kind, uint8_t(b.type), b.count, uint16_t(b.chip),
        uint8_t(b.hemisphere), &b.slices, b.row, b.step,
        b.splats.empty() ? nullptr : &b.splats,
        b.bytes.empty() ? nullptr : &b.bytes, loads.empty() ? nullptr : &loads);
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
  /// What the builders made, with loads and the interface of a model.
  std::vector<char> finish(const std::vector<std::vector<std::byte>> &parts,
                           const StepSpec &as) const {
    const Program &plain = *GetProgram(parts[0].data());
    flatbuffers::FlatBufferBuilder fbb;
    std::vector<flatbuffers::Offset<Buffer>> buffers;
    for (const BufferSpec &buffer : builder.buffers)
      buffers.push_back(copyBuffer(fbb, buffer, as));
    std::vector<flatbuffers::Offset<Segment>> segments;
    for (size_t i = 0; i < parts.size(); ++i) {
      std::vector<flatbuffers::Offset<Track>> tracks;
      const Program &part = *GetProgram(parts[i].data());
      for (const Track *track : *part.segments()->Get(0)->tracks())
        tracks.push_back(copyTrack(fbb, *track));
      const char *names[] = {"step", "ask", "left", "rest"};
      segments.push_back(CreateSegmentDirect(
          fbb, names[i], &tracks, segmentCycles[i] + as.wrongCycles,
          /*outputs=*/0, i == 1 ? as.score : -1));
    }
    std::vector<flatbuffers::Offset<LayerState>> layers;
    for (int i = 0; i < as.layers; ++i)
      layers.push_back(CreateLayerState(fbb, as.keyHigh, as.keyLow, as.value));
    std::string name =
        as.machineName.empty() ? plain.machine_name()->str() : as.machineName;
    FinishProgramBuffer(
        fbb,
        CreateProgramDirect(fbb, name.c_str(), plain.machine()->c_str(), 1,
                            nullptr, &buffers, &segments, as.token, as.position,
                            as.logits, as.nextToken, as.vocabulary, as.context,
                            &layers, &as.heads, &as.dims));
    auto *begin = reinterpret_cast<const char *>(fbb.GetBufferPointer());
    return std::vector<char>(begin, begin + fbb.GetSize());
  }

  StepSpec spec;
  TestProgram builder;
  std::vector<TestProgram> pieces; ///< behind it, with an exit
};

} // namespace moert::lpu::test

#endif // MOERT_DRIVERS_LPU_TEST_STEPPROGRAM_H
