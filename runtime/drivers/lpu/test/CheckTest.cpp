//===- CheckTest.cpp - programs that are refused before they run ----------===//
#include "ProgramBuilder.h"
#include "Simulator/Layout.h"
#include <array>
#include <gtest/gtest.h>

using namespace moert::lpu;
using namespace moert::lpu::test;

namespace {

std::string errorOf(const std::vector<std::byte> &bytes) {
  std::unique_ptr<Simulator> simulator;
  moert::Status status = Simulator::create(bytes, {}, &simulator);
  return status.ok() ? "" : status.message();
}
std::string errorOf(const TestProgram &p) { return errorOf(p.bytes()); }

/// What is said of one instruction on a track.
std::string errorOf(moert_lpu_track_kind_t kind, const Instruction &i,
                    const std::string &machine = "tsp1") {
  TestProgram p(machineText(machine));
  p.track(kind, 0, 0).raw(i);
  std::string error = errorOf(p);
  size_t at = error.find("word 0: ");
  return at == error.npos ? error : error.substr(at + 8);
}

Instruction with(Instruction i, uint8_t Instruction::*field, unsigned value) {
  i.*field = uint8_t(value);
  return i;
}

/// What a test may set of a program.
struct Extra {
  std::string name = "tsp1", machine = machineText();
  int chips = 1, token = -1, logits = -1;
  bool hasSegment = true;
  std::vector<std::array<uint32_t, 4>> layers;
  std::vector<int> heads, dims;
};

/// A program with what TestProgram does not make; `make` fills in the tables.
template <typename Make> std::string errorOfTables(Make make) {
  flatbuffers::FlatBufferBuilder fbb;
  std::vector<flatbuffers::Offset<Buffer>> buffers;
  std::vector<flatbuffers::Offset<Track>> tracks;
  auto add = [&](BufferKind kind, unsigned type, std::vector<uint8_t> where,
                 const std::vector<flatbuffers::Offset<Load>> *loads = nullptr) {
    buffers.push_back(CreateBufferDirect(
        fbb, ("b" + std::to_string(buffers.size())).c_str(), kind,
        uint8_t(type), 4, 0, 1, &where, 0, 1, nullptr, nullptr, loads));
  };
  Extra extra;
  make(fbb, add, tracks, extra);
  std::vector<flatbuffers::Offset<Segment>> segments;
  if (extra.hasSegment)
    segments.push_back(CreateSegmentDirect(fbb, "s", &tracks, 0));
  std::vector<flatbuffers::Offset<LayerState>> layers;
  for (const auto &l : extra.layers)
    layers.push_back(CreateLayerState(fbb, l[0], l[1], l[2], int(l[3])));
  FinishProgramBuffer(
      fbb, CreateProgramDirect(fbb, extra.name.c_str(), extra.machine.c_str(),
                               uint16_t(extra.chips), nullptr, &buffers,
                               &segments, extra.token, -1, extra.logits, -1, 0,
                               0, &layers, &extra.heads, &extra.dims));
  auto *begin = reinterpret_cast<const std::byte *>(fbb.GetBufferPointer());
  return errorOf(std::vector<std::byte>(begin, begin + fbb.GetSize()));
}

} // namespace

//===-- files -------------------------------------------------------------===//

TEST(Check, DamagedFiles) {
  EXPECT_EQ(errorOf(std::vector<std::byte>(3)), "no program of an LPU, 3 bytes");
  EXPECT_EQ(errorOf(std::vector<std::byte>(100)),
            "no program of an LPU, 100 bytes");
  TestProgram p;
  p.buffer({.name = "a"});
  p.read(East, 0).at(0, test::read(0, E(0)));
  std::vector<std::byte> bytes = p.bytes();
  EXPECT_EQ(errorOf(bytes), "");
  bytes.resize(bytes.size() - 16);
  EXPECT_EQ(errorOf(bytes), "a damaged program of " +
                                std::to_string(bytes.size()) + " bytes");
}

TEST(Check, Machines) {
  EXPECT_EQ(errorOfTables([](auto &, auto, auto &, Extra &e) {
              e.machine = "{\"name\": 3}";
            }).substr(0, 23),
            "the program's machine: ");
  EXPECT_EQ(errorOfTables([](auto &, auto, auto &, Extra &e) {
              e.name = "tsp2";
            }),
            "the program is for machine tsp2, its machine file is of tsp1");
  for (int chips : {0, 65})
    EXPECT_EQ(errorOfTables([&](auto &, auto, auto &, Extra &e) {
                e.chips = chips;
              }),
              "a program of " + std::to_string(chips) +
                  " chips, 1 to 64 are simulated");
  EXPECT_EQ(errorOfTables([](auto &, auto, auto &, Extra &e) {
              e.hasSegment = false;
            }),
            "a program of 0 segments");
}

TEST(Check, Links) {
  TestProgram p;
  p.chips = 2;
  p.links = {Link(0, 1, 1, 2), Link(0, 1, 1, 3)};
  EXPECT_EQ(errorOf(p), "two cables at link 1 of chip 0");
  p.links = {Link(0, 1, 2, 2)};
  EXPECT_EQ(errorOf(p), "a cable to chip 2, the program has 2");
}

//===-- buffers -----------------------------------------------------------===//

TEST(Check, PlacesOfBuffers) {
  struct Case {
    BufferSpec spec;
    const char *message;
  } cases[] = {
      {{.type = 6}, "buffer buffer has type 6, known are 0 to 5"},
      {{.kind = BufferKind(7)},
       "buffer buffer is of kind 7, known are 0 to 6"},
      {{.type = MOERT_LPU_I16, .slices = {1, 2, 3}},
       "buffer buffer lies in 3 slices, its vectors have 2 byte planes"},
      {{.slices = {}},
       "buffer buffer lies in 0 slices, its vectors have 1 byte planes"},
      {{.count = 0}, "buffer buffer of 0 vectors, 1 rows apart"},
      {{.step = 0}, "buffer buffer of 1 vectors, 0 rows apart"},
      {{.chip = 1}, "buffer buffer lies in hemisphere 1 of chip 1, there are 2 "
                    "of 1"},
      {{.hemisphere = 2}, "buffer buffer lies in hemisphere 2 of chip 0, there "
                          "are 2 of 1"},
      {{.slices = {44}},
       "buffer buffer lies in slice 44, a hemisphere has 44"},
      {{.count = 10, .row = 8190},
       "buffer buffer ends at row 8199 of its slices, which have 8192"},
      {{.count = 3, .row = 8000, .step = 100},
       "buffer buffer ends at row 8200 of its slices, which have 8192"},
      {{.count = uint64_t(1) << 60},
       "buffer buffer ends at row 1152921504606846975 of its slices, which have "
       "8192"},
      {{.count = 2, .slices = {3, 3}},
       "buffers buffer and buffer both have row 0 of slice e3"},
      {{.kind = BufferKind::Constant},
       "buffer buffer must have values in 0 ways, not in 1"},
      {{.kind = BufferKind::State, .splats = {1}},
       "buffer buffer has values in 1 ways, not in 0"},
      {{.kind = BufferKind::Constant, .splats = {1}, .bytes = {1}},
       "buffer buffer must have values in 2 ways, not in 1"},
      {{.kind = BufferKind::Constant, .splats = {1, 2}},
       "buffer buffer has 2 values for 1 vectors"},
      {{.kind = BufferKind::Text, .bytes = {1, 2, 3}},
       "buffer buffer has 3 bytes of values, its vectors have 320"},
  };
  for (Case &each : cases) {
    TestProgram p;
    p.buffer(each.spec);
    EXPECT_EQ(errorOf(p), each.message);
  }
  TestProgram p;
  p.buffer({.name = "a", .count = 5, .slices = {2}, .row = 6, .step = 2});
  p.buffer({.name = "b", .slices = {2}, .row = 9});
  EXPECT_EQ(errorOf(p), "");
  p.buffer({.name = "c", .slices = {2}, .row = 10});
  EXPECT_EQ(errorOf(p), "buffers a and c both have row 10 of slice e2");
}

TEST(Check, Loads) {
  auto errorOfLoad = [](BufferKind kind, uint64_t first, size_t rows,
                        size_t columns, size_t factors, unsigned field = 0) {
    return errorOfTables([&](auto &fbb, auto add, auto &, Extra &) {
      std::vector<int> r(rows), c(columns);
      std::vector<float> f(factors);
      std::vector<flatbuffers::Offset<Load>> loads = {
          CreateLoadDirect(fbb, first, 0, 0, Field(field), false, &r, &c,
                           factors ? &f : nullptr)};
      add(kind, MOERT_LPU_I8, std::vector<uint8_t>{0}, &loads);
    });
  };
  const BufferKind parameter = BufferKind::Parameter;
  EXPECT_EQ(errorOfLoad(parameter, 2, 2, 320, 320), "");
  EXPECT_EQ(errorOfLoad(BufferKind::Input, 0, 1, 1, 0),
            "buffer b0 has 1 loads, but is no parameter");
  EXPECT_EQ(errorOfLoad(parameter, 2, 3, 320, 0),
            "a load of buffer b0 fills vectors 2 to 5, it has 4");
  EXPECT_EQ(errorOfLoad(parameter, 0, 3, 321, 0),
            "a load of buffer b0 fills 321 lanes, a vector has 320");
  EXPECT_EQ(errorOfLoad(parameter, 0, 3, 320, 3),
            "a load of buffer b0 has 3 factors for 320 lanes");
  unsigned unknown = unsigned(Field::MAX) + 1;
  EXPECT_EQ(errorOfLoad(parameter, 0, 3, 320, 0, unknown),
            "a load of buffer b0 is of field " + std::to_string(unknown) +
                ", known are 0 to " + std::to_string(unknown - 1));
}

TEST(Check, WhatTheHostWritesAndReads) {
  auto in = [](auto add, BufferKind kind, unsigned type) {
    add(kind, type, std::vector<uint8_t>{0, 1, 2, 3});
  };
  EXPECT_EQ(errorOfTables([&](auto &, auto add, auto &, Extra &e) {
              in(add, BufferKind::Input, MOERT_LPU_I32);
              e.token = 0;
            }),
            "");
  EXPECT_EQ(errorOfTables([&](auto &, auto, auto &, Extra &e) { e.token = 0; }),
            "the token is buffer 0, the program has 0");
  EXPECT_EQ(errorOfTables([&](auto &, auto add, auto &, Extra &e) {
              in(add, BufferKind::Input, MOERT_LPU_I32);
              e.logits = 0;
            }),
            "the logits, buffer b0, is of kind 3 and type 2, must be of 4 and 4");
  EXPECT_EQ(errorOfTables([&](auto &, auto, auto &, Extra &e) {
              e.layers.push_back({7, 0, 0, 0});
            }),
            "the high part of keys is buffer 7, the program has 0");
  EXPECT_EQ(errorOfTables([&](auto &, auto, auto &, Extra &e) {
              e.heads = {1, 2};
              e.dims = {1};
            }),
            "the state has 2 lanes of heads and 1 of elements, a vector has 320");
}

//===-- tracks ------------------------------------------------------------===//

TEST(Check, TracksThatTheMachineDoesNotHave) {
  struct Case {
    int kind, chip, hemisphere, index;
    const char *message;
  } cases[] = {
      {13, 0, 0, 0, "a track of kind 13, known are 0 to 12"},
      {MOERT_LPU_MEM_READ, 0, 1, 44,
       "track c0.mem.e44.read, the machine has 44 of its kind in each of 2 "
       "places of 1 chips"},
      {MOERT_LPU_VXM, 0, 1, 0,
       "track c0.vxm.0, the machine has 16 of its kind in each of 1 places of 1 "
       "chips"},
      {MOERT_LPU_MXM_FEED, 1, 0, 0,
       "track c1.mxm.w0.feed, the machine has 2 of its kind in each of 2 places "
       "of 1 chips"},
      {MOERT_LPU_SXM_PERMUTE, 0, 0, 1,
       "track c0.sxm.w1.permute, the machine has 1 of its kind in each of 2 "
       "places of 1 chips"},
      {MOERT_LPU_C2C, 0, 2, 0,
       "track c0.c2c.e0, the machine has 16 of its kind in each of 2 places of 1 "
       "chips"},
  };
  for (const Case &each : cases) {
    TestProgram p;
    p.track(moert_lpu_track_kind_t(each.kind), each.hemisphere, each.index,
            each.chip);
    EXPECT_EQ(errorOf(p), each.message);
  }
}

TEST(Check, TracksOutOfOrderAndOfOtherLengths) {
  auto errorOfTracks = [](std::vector<std::array<uint8_t, 3>> places,
                          size_t claims = 1, size_t uses = 1,
                          uint32_t resident = 0) {
    return errorOfTables([&](auto &fbb, auto, auto &tracks, Extra &) {
      std::vector<Word> words = {Word(0, 1)};
      std::vector<uint32_t> c(claims);
      std::vector<uint16_t> u(uses);
      for (auto place : places)
        tracks.push_back(CreateTrackDirect(fbb, 0, place[0], place[1], place[2],
                                           &words, &c, &u, resident));
    });
  };
  EXPECT_EQ(errorOfTracks({{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}), "");
  EXPECT_EQ(errorOfTracks({{0, 1, 0}, {0, 0, 1}}),
            "track mem.w1.read comes after track mem.e0.read in segment s");
  EXPECT_EQ(errorOfTracks({{0, 0, 1}}, 2),
            "track mem.w1.read has 1 words, but 2 claims and 1 uses");
  EXPECT_EQ(errorOfTracks({{0, 0, 1}}, 1, 0),
            "track mem.w1.read has 1 words, but 1 claims and 0 uses");
  EXPECT_EQ(errorOfTracks({{0, 0, 1}}, 1, 1, 2),
            "track mem.w1.read has 1 words, but 2 that are in its queue");
}

//===-- words -------------------------------------------------------------===//

TEST(Check, OpcodesAndTheirTracks) {
  EXPECT_EQ(errorOf(MOERT_LPU_VXM, instruction(99)),
            "no instruction has opcode 99");
  EXPECT_EQ(errorOf(MOERT_LPU_VXM,
                    flagged(unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0)))),
            "no instruction has opcode 145");
  EXPECT_EQ(errorOf(MOERT_LPU_MEM_READ, test::write(E(0), 0)),
            "WRITE is on a track of kind 0, belongs on one of kind 1");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_FEED, iw()),
            "IW is on a track of kind 4, belongs on one of kind 3");
  EXPECT_EQ(errorOf(MOERT_LPU_MEM_READ, repeatWord(1, 1)), "REPEAT of nothing");
  TestProgram p;
  p.read(East, 0).raw(nop(1)).raw(repeatWord(1, 1));
  EXPECT_EQ(errorOf(p), "track mem.e0.read, word 1: REPEAT of NOP");
  Instruction config = instruction(MOERT_LPU_CONFIG);
  config.imm = 21;
  EXPECT_EQ(errorOf(MOERT_LPU_ICU, config),
            "CONFIG of 21 superlanes, there are 20");
}

TEST(Check, RowsAndStreams) {
  EXPECT_EQ(errorOf(MOERT_LPU_MEM_READ, test::read(8192, E(0))),
            "row 8192, a slice has 8192");
  EXPECT_EQ(errorOf(MOERT_LPU_MEM_READ, test::read(0, fromAlu(1))),
            "dst is place 65 of 1 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_MEM_WRITE, test::write(nowhere, 0)),
            "src0 is place 255 of 1 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_MEM_READ, gather(nowhere, 0, E(0))),
            "map is place 255 of 1 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_C2C, send(nowhere)),
            "src0 is place 255 of 1 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_C2C, recv(nowhere)),
            "dst is place 255 of 1 streams, there are 32 each way");
}

TEST(Check, OperationsOfAlus) {
  const Instruction neg = unary(MOERT_LPU_NEG, MOERT_LPU_I8, W(0));
  EXPECT_EQ(errorOf(MOERT_LPU_VXM, neg), "");
  EXPECT_EQ(errorOf(MOERT_LPU_VXM,
                    with(neg, &Instruction::types, MOERT_LPU_I8 | 1 << 4)),
            "NEG of type 0 to type 1 is no operation of an ALU");
  EXPECT_EQ(errorOf(MOERT_LPU_VXM, with(neg, &Instruction::src1, W(1))),
            "NEG has src1 33, takes 1 operand");
  EXPECT_EQ(errorOf(MOERT_LPU_VXM, with(neg, &Instruction::src0, 0x81)),
            "src0 is place 129 of 1 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_VXM, with(neg, &Instruction::dst, 0x80)),
            "dst is place 128 of 1 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_VXM,
                    unary(MOERT_LPU_LATCH, MOERT_LPU_I8, W(0), E(0))),
            "LATCH has the destination 0");
  EXPECT_EQ(errorOf(MOERT_LPU_VXM, binary(MOERT_LPU_ADD, MOERT_LPU_I8, W(0),
                                          nowhere)),
            "src1 is place 255 of 1 streams, there are 32 each way");
}

TEST(Check, InstructionsOfTheMxm) {
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_LOAD, lw(E(8), 20)),
            "LW takes streams from place 8, not from a multiple of 16");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_LOAD, lw(E(0), 0)),
            "groups 0 to 0 of columns, an array has 20");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_LOAD, lw(E(0), 6, 15)),
            "groups 15 to 21 of columns, an array has 20");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_LOAD, lwx(E(0), 20, 7, 1)),
            "LWX, but machine tsp1 has 0 expanders");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_LOAD, lwx(E(0), 20, 7, 1), "lpu-plus"), "");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_LOAD, lwx(E(0), 20, 7, 9), "lpu-plus"),
            "LWX of format 9 from 7 streams");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_LOAD, lwx(E(26), 20, 7, 1), "lpu-plus"),
            "src0 is place 26 of 7 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_LOAD, iw(MOERT_LPU_F32)),
            "IW of type 4, not 0 or 3");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_FEED, abc(E(0), 0)),
            "ABC of 0 cycles, not 1 to 65535");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_FEED, abc(nowhere, 1)),
            "src0 is place 255 of 1 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_MXM_DRAIN, acc(0x90, 1)),
            "dst is place 144 of 1 streams, there are 32 each way");
}

TEST(Check, InstructionsOfTheSxm) {
  auto shift = [](unsigned type, uint8_t src, uint8_t dst) {
    return errorOf(MOERT_LPU_SXM_SHIFT, sxm(MOERT_LPU_SHIFT, type, src, dst));
  };
  EXPECT_EQ(shift(MOERT_LPU_F32, E(0), W(0)), "");
  EXPECT_EQ(shift(6, E(0), W(0)), "type 6, known are 0 to 5");
  EXPECT_EQ(shift(0, E(0), nowhere),
            "dst is place 255 of 1 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_SXM_PERMUTE,
                    sxm(MOERT_LPU_PERMUTE, 0, E(0), W(0))),
            "map is place 255 of 1 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_SXM_SELECT, sxm(MOERT_LPU_SELECT, 0, E(0), W(0))),
            "src1 is place 255 of 1 streams, there are 32 each way");
  EXPECT_EQ(errorOf(MOERT_LPU_SXM_TRANSPOSE,
                    sxm(MOERT_LPU_TRANSPOSE, 0, E(17), W(0))),
            "src0 is place 17 of 16 streams, there are 32 each way");
}

TEST(Check, SaysWhichBuffersAreDynamic) {
  TestProgram p;
  for (uint8_t slice : {0, 1, 2})
    p.buffer({.name = "b", .count = 4, .slices = {slice}});
  // A REPEAT reaches the second buffer of slice 0.
  p.buffer({.name = "b", .slices = {0}, .row = 100});
  p.read(East, 0).at(0, gather(E(0), 0, E(1))).repeat(1, 1, 100);
  p.write(East, 2).at(0, scatter(E(0), E(1), 3));
  CheckedProgram checked;
  ASSERT_TRUE(checkProgram(p.bytes(), checked).ok());
  bool expected[] = {true, false, true, true};
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(checked.buffers[i].dynamic, expected[i]) << i;
}
