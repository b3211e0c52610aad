//===- AssemblyTest.cpp - programs as bytes, whole and broken -------------===//
#include "Assembly/Assemble.h"
#include "Assembly/Disassemble.h"
#include "lpu_generated.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <functional>

using namespace mlir;
using namespace moe::lpu;
namespace fb = moert::lpu;

static constexpr StringLiteral text = R"(
lpu.program @step machine "tsp1" chips 2 positions 4 vocabulary 300 links [#lpu.link<0 link 3 to 1 link 0>] {
  %t = lpu.buffer input "t" east at <east, slices = [4, 5, 6, 7], row = 0, step = 1> : <1 x i32>
  %p = lpu.buffer input "p" east at <east, slices = [4, 5, 6, 7], row = 1, step = 1> : <1 x i32>
  %l = lpu.buffer output "l" east at <east, slices = [4, 5, 6, 7], row = 2, step = 1> : <1 x f32>
  %c = lpu.buffer constant "c" west values dense<[1, -2]> : tensor<2xi8> at <west, slices = [4], row = 2, step = 1> : <2 x i8>
  %d = lpu.buffer constant "d" west values dense<1> : tensor<1x320xi16> at <west, slices = [6, 7], row = 2, step = 1> : <1 x i16>
  %w = lpu.buffer parameter "w" west loads [#lpu.load<"q" 5 matrix 0 levels first 0 rows <0 to 31> columns <0 to 319>>] at <west, slices = [12], row = 4, step = 1> : <32 x i8>
  %k = lpu.buffer state "k" west at <west, slices = [12, 13], row = 100, step = 1> : <4 x f16>
  %v = lpu.buffer state "v" west at <west, slices = [12, 13, 14, 15], row = 200, step = 1> : <4 x f32>
  lpu.interface token %t position %p logits %l keys %k and %k values %v
    : <1 x i32>, <1 x i32>, <1 x f32>
      keys !lpu.vectors<4 x f16> and !lpu.vectors<4 x f16> values !lpu.vectors<4 x f32>
  lpu.segment "step" cycles 70 {
    lpu.queue mem.e12.read {
      lpu.text nop 5
      lpu.text read row 17 -> s4.w claim 0x1 uses 1
      lpu.text repeat 19 every 1 step 1 claim 0x2 uses 1
    }
  }
}
)";

namespace {

class AssemblyTest : public ::testing::Test {
protected:
  AssemblyTest() {
    context.loadDialect<LPUDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
  }

  std::vector<char> assembled() {
    auto bytes = assemble(*module->getOps<ProgramOp>().begin());
    EXPECT_TRUE(bool(bytes)) << llvm::toString(bytes.takeError());
    return *bytes;
  }

  /// What is wrong with the bytes; empty if nothing is.
  std::string refusal(const std::vector<char> &bytes) {
    OwningOpRef<ModuleOp> into = ModuleOp::create(UnknownLoc::get(&context));
    auto program = disassemble(bytes, *into);
    if (program)
      return "";
    EXPECT_TRUE(into->getBody()->empty());
    return llvm::toString(program.takeError());
  }

  /// The same after a change of the tables.
  std::string refusalAfter(std::function<void(fb::ProgramT &program)> change) {
    std::vector<char> bytes = assembled();
    std::unique_ptr<fb::ProgramT> program(
        fb::GetProgram(bytes.data())->UnPack());
    change(*program);
    flatbuffers::FlatBufferBuilder builder;
    fb::FinishProgramBuffer(builder, fb::Program::Pack(builder, program.get()));
    return refusal({builder.GetBufferPointer(),
                    builder.GetBufferPointer() + builder.GetSize()});
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(AssemblyTest, IsWhole) { EXPECT_EQ(refusal(assembled()), ""); }

TEST_F(AssemblyTest, ChangedBytesAreRefusedOrAProgram) {
  const std::vector<char> bytes = assembled();
  size_t refused = 0, taken = 0;
  for (size_t i = 0; i < bytes.size(); i += 3)
    for (char flip : {char(0x01), char(0x80)}) {
      std::vector<char> changed = bytes;
      changed[i] ^= flip;
      std::string wrong = refusal(changed);
      ++(wrong.empty() ? taken : refused);
      EXPECT_EQ(wrong.find('\n'), std::string::npos) << wrong;
    }
  // Neither the one nor the other is what happens always.
  EXPECT_GT(refused, 100u);
  EXPECT_GT(taken, 100u);
}

TEST_F(AssemblyTest, CutOffIsRefused) {
  const std::vector<char> bytes = assembled();
  for (size_t size = 0; size < bytes.size(); size += 11)
    EXPECT_NE(refusal({bytes.begin(), bytes.begin() + size}), "") << size;
}

TEST_F(AssemblyTest, TablesAreChecked) {
  using Change = std::function<void(fb::ProgramT &)>;
  std::pair<const char *, Change> cases[] = {
      {"buffer 0 \"t\" has type 6, types are below 6",
       [](fb::ProgramT &p) { p.buffers[0]->type = 6; }},
      {"buffer 0 \"t\" has kind 7, kinds are below 7",
       [](fb::ProgramT &p) { p.buffers[0]->kind = fb::BufferKind(7); }},
      {"buffer 0 \"t\" has 0 vectors, 1 to 720896 fit",
       [](fb::ProgramT &p) { p.buffers[0]->count = 0; }},
      {"buffer 0 \"t\" is in hemisphere 2, there are 2",
       [](fb::ProgramT &p) { p.buffers[0]->hemisphere = 2; }},
      {"buffer 3 \"c\" has 1 splats and 2 vectors",
       [](fb::ProgramT &p) { p.buffers[3]->splats.pop_back(); }},
      {"buffer 3 \"c\" has a splat of 256, its vectors have 1 byte planes",
       [](fb::ProgramT &p) { p.buffers[3]->splats[0] = 256; }},
      {"buffer 3 \"c\" has splats and bytes",
       [](fb::ProgramT &p) { p.buffers[3]->bytes.resize(640); }},
      {"buffer 4 \"d\" has 639 bytes, its 1 vectors take 640 each",
       [](fb::ProgramT &p) { p.buffers[4]->bytes.pop_back(); }},
      {"buffer 5 \"w\" loads field 9, fields are below 9",
       [](fb::ProgramT &p) { p.buffers[5]->loads[0]->field = fb::Field(9); }},
      {"buffer 5 \"w\" loads vector 33, it has 32",
       [](fb::ProgramT &p) { p.buffers[5]->loads[0]->first = 33; }},
      {"tokens are in buffer 8, there are 8",
       [](fb::ProgramT &p) { p.token = 8; }},
      {"logits are in buffer -1, there are 8",
       [](fb::ProgramT &p) { p.logits = -1; }},
      {"keys or values are in buffer 99, there are 8",
       [](fb::ProgramT &p) { p.layers[0]->value = 99; }},
      {"segment 0 \"step\" has a track of kind 13 in hemisphere 0, kinds are "
       "below 13, hemispheres below 2",
       [](fb::ProgramT &p) {
         p.segments[0]->tracks[0]->kind = 13;
         p.segments[0]->tracks[0]->hemisphere = 0;
       }},
      {"'lpu.queue' op track vxm.12 in hemisphere 1, must be 0: it is in "
       "neither",
       [](fb::ProgramT &p) { p.segments[0]->tracks[0]->kind = MOERT_LPU_VXM; }},
      {"'lpu.interface' op has heads without dims",
       [](fb::ProgramT &p) { p.heads.assign(320, 0); }},
      {"segment 0 \"step\", mem.e12.read has 3 words, 2 claims and 3 uses",
       [](fb::ProgramT &p) { p.segments[0]->tracks[0]->claims.pop_back(); }},
      {"segment 0 \"step\" takes 9223372036854775808 cycles, at most "
       "9223372036854775807 are counted",
       [](fb::ProgramT &p) { p.segments[0]->cycles = uint64_t(1) << 63; }},
  };
  for (const auto &[message, change] : cases)
    EXPECT_EQ(refusalAfter(change), message);
}

} // namespace
