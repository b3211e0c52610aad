//===- ExitMetadataTest.cpp - what a module says of its exits -------------===//
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "module_generated.h"
#include "moe/Analysis/ExitWork.h"
#include "moe/Container/ContainerWriter.h"
#include "moe/Driver/RegisterDialects.h"
#include "moert/abi/container.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace moe;
namespace fb = moert::fb;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// A module file as it lies on the disk.
struct Module {
  explicit Module(llvm::StringRef path) {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    if (!buffer)
      return;
    file = (*buffer)->getBuffer().str();
    std::memcpy(&header, file.data(), sizeof(header));
  }

  const moert_container_section_t *find(uint32_t id) const {
    for (uint32_t i = 0; i < header.section_count; ++i)
      if (header.sections[i].id == id)
        return &header.sections[i];
    return nullptr;
  }
  std::string section(uint32_t id) const {
    const moert_container_section_t *found = find(id);
    return found ? file.substr(found->offset, found->size) : "";
  }
  bool isWhole() const {
    moert_container_header_t copy = header;
    copy.header_checksum = 0;
    std::string page(MOERT_CONTAINER_PAGE, 0);
    std::memcpy(page.data(), &copy, sizeof(copy));
    if (XXH3_64bits(page.data(), page.size()) != header.header_checksum ||
        header.file_size != file.size())
      return false;
    for (uint32_t i = 0; i < header.section_count; ++i) {
      std::string bytes = section(header.sections[i].id);
      if (XXH3_64bits(bytes.data(), bytes.size()) !=
          header.sections[i].checksum)
        return false;
    }
    return true;
  }

  std::string file;
  moert_container_header_t header = {};
};

class ExitMetadataTest : public testing::Test {
protected:
  ExitMetadataTest() {
    mlir::DialectRegistry dialects;
    registerDialects(dialects);
    context.appendDialectRegistry(dialects);
    module = mlir::parseSourceFile<mlir::ModuleOp>(
        MOE_SOURCE_DIR "/test/Unit/Container/Inputs/exits.mlir", &context);
    model = *module->getOps<ModelOp>().begin();
    llvm::sys::fs::createUniqueDirectory("exits", folder);
    llvm::sys::path::append(folder, "m.moe");
    path = folder.str().str();
    plan = std::make_unique<ParameterPlan>(model);
    input.model = model;
    input.plan = plan.get();
    input.backend = "null";
    input.modelHash = 4711;
    input.code = [&]() -> llvm::Expected<CodeObject> {
      CodeObject code;
      code.driver = "null";
      code.bytes.assign(5000, char('a' + codes++));
      return code;
    };
  }
  ~ExitMetadataTest() override {
    llvm::sys::fs::remove_directories(llvm::sys::path::parent_path(path));
  }

  std::string write() {
    return llvm::toString(writeContainer(input, path));
  }
  ExitOp getExit() { return ExitWork(model).getExits().front(); }
  void setThreshold(double threshold) {
    getExit().setThresholdAttr(
        mlir::Builder(&context).getF64FloatAttr(threshold));
  }
  /// For the exits of the model as they are.
  ExitCertificate certify(uint64_t weightsHash) {
    ExitCertificate result;
    result.prompts = 120;
    result.bound = {0.04, 0.03};
    result.risk = "answers that differ";
    result.dataHash = 77;
    result.weightsHash = weightsHash;
    result.modelHash = input.modelHash;
    result.layers = {1};
    result.thresholds = {getExit().getThreshold().convertToDouble()};
    result.empiricalRisk = 0.01;
    result.pValue = 0.02;
    return result;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelOp model;
  std::unique_ptr<ParameterPlan> plan;
  ContainerInput input;
  llvm::SmallString<128> folder;
  std::string path;
  int codes = 0; ///< made so far
};

/// The tables are there as long as the module is.
const fb::Module &read(const std::string &metadata) {
  flatbuffers::Verifier verifier(
      reinterpret_cast<const uint8_t *>(metadata.data()), metadata.size());
  EXPECT_TRUE(fb::VerifyModuleBuffer(verifier));
  return *fb::GetModule(metadata.data());
}

TEST_F(ExitMetadataTest, SaysWhereTokensLeaveAndWhatThatCosts) {
  ASSERT_EQ(write(), "");
  std::string metadata = Module(path).section(MOERT_SECTION_METADATA);
  const fb::Module &written = read(metadata);
  const fb::Exits &exits = *written.exits();
  EXPECT_EQ(exits.policy()->str(), "top1");
  EXPECT_EQ(exits.head()->str(), "full");
  EXPECT_EQ(exits.state(), fb::ExitState::Propagate);
  ASSERT_EQ(exits.exits()->size(), 1u);
  EXPECT_EQ(exits.exits()->Get(0)->layers(), 1);
  EXPECT_EQ(exits.exits()->Get(0)->threshold(), 0.9);
  EXPECT_EQ(exits.exits()->Get(0)->taken(), -1);
  EXPECT_EQ(exits.certificate(), nullptr);
  // Norm and head; projection, router and 2 experts of 3 matrices, and
  // projection and network of the dense layer.
  EXPECT_EQ(exits.head_bytes(), 4u * (8 + 32 * 8));
  EXPECT_EQ(exits.layer_bytes(), 4u * (64 + 32 + 2 * 144 + 64 + 144) / 2);

  // The logits that the score is made of are at hand.
  EXPECT_EQ(exits.leave_bytes(), 0u);
  EXPECT_EQ(exits.unsure_bytes(), 0u);

  std::vector<uint64_t> checksums;
  for (const fb::Parameter *parameter : *written.parameters())
    checksums.push_back(parameter->checksum());
  // Another order of the same weights is the same model.
  llvm::sort(checksums);
  EXPECT_EQ(exits.weights_hash(),
            XXH3_64bits(checksums.data(), checksums.size() * 8));
}

TEST_F(ExitMetadataTest, CountsWorkOfExitsInNoTotal) {
  EXPECT_EQ(plan->getMacs(), 64u + 32 + 2 * 144 + 64 + 144);
  // Of the embedding, which is the head, too, a row and all of it.
  EXPECT_EQ(plan->getActiveBytes(),
            4u * (8 + 64 + 32 + 2 * 144 + 64 + 144 + 8 + 32 * 8));
}

TEST_F(ExitMetadataTest, TellsSharesOfThoseWhoLeave) {
  getExit().setTakenAttr(mlir::Builder(&context).getF64FloatAttr(0.25));
  setThreshold(INFINITY);
  ASSERT_EQ(write(), "");
  std::string metadata = Module(path).section(MOERT_SECTION_METADATA);
  const fb::Exit &exit = *read(metadata).exits()->exits()->Get(0);
  EXPECT_EQ(exit.taken(), 0.25);
  EXPECT_EQ(exit.threshold(), INFINITY);
}

TEST_F(ExitMetadataTest, TellsStatesApart) {
  // The state keeps rows that wait.
  getExit().getKvMutable().assign(
      model.lookupSymbol<mlir::func::FuncOp>("forward").getArgument(4));
  for (bool verifies : {false, true}) {
    input.verifiesExits = verifies;
    ASSERT_EQ(write(), "");
    std::string metadata = Module(path).section(MOERT_SECTION_METADATA);
    EXPECT_EQ(read(metadata).exits()->state(),
              verifies ? fb::ExitState::Verify : fb::ExitState::Recompute);
  }
}

TEST_F(ExitMetadataTest, WritesAgainWhatALessonChanges) {
  input.hasIr = true;
  std::string firstWeights, firstCode;
  input.teach = [&](llvm::StringRef file,
                    uint64_t hash) -> llvm::Expected<ExitLesson> {
    EXPECT_FALSE(llvm::sys::fs::exists(path));
    Module first(file);
    EXPECT_TRUE(first.isWhole());
    std::string metadata = first.section(MOERT_SECTION_METADATA);
    EXPECT_EQ(read(metadata).exits()->exits()->Get(0)->threshold(), 0.9);
    EXPECT_EQ(read(metadata).exits()->weights_hash(), hash);
    firstWeights = first.section(MOERT_SECTION_WEIGHTS);
    firstCode = first.section(MOERT_SECTION_CODE);
    setThreshold(0.8125);
    return ExitLesson{certify(hash)};
  };
  ASSERT_EQ(write(), "");
  Module last(path);
  EXPECT_TRUE(last.isWhole());
  EXPECT_EQ(last.section(MOERT_SECTION_WEIGHTS), firstWeights);
  EXPECT_EQ(last.section(MOERT_SECTION_CODE), firstCode);
  EXPECT_THAT(last.section(MOERT_SECTION_IR), HasSubstr("above 0.8125"));
  std::string metadata = last.section(MOERT_SECTION_METADATA);
  const fb::Exits &exits = *read(metadata).exits();
  EXPECT_EQ(exits.exits()->Get(0)->threshold(), 0.8125);
  const fb::Certificate &certificate = *exits.certificate();
  EXPECT_EQ(certificate.prompts(), 120);
  EXPECT_EQ(certificate.delta(), 0.04);
  EXPECT_EQ(certificate.epsilon(), 0.03);
  EXPECT_EQ(certificate.risk()->str(), "answers that differ");
  EXPECT_EQ(certificate.data_hash(), 77u);
  EXPECT_EQ(certificate.weights_hash(), exits.weights_hash());
  EXPECT_EQ(certificate.model_hash(), 4711u);
  EXPECT_EQ(exits.model_hash(), 4711u);
  EXPECT_THAT(*certificate.thresholds(), ElementsAre(0.8125));
  EXPECT_EQ(certificate.empirical_risk(), 0.01);
  EXPECT_EQ(certificate.p_value(), 0.02);
}

TEST_F(ExitMetadataTest, MakesCodeAgainWhereALessonChangesIt) {
  int lessons = 0;
  input.teach = [&](llvm::StringRef file,
                    uint64_t) -> llvm::Expected<ExitLesson> {
    Module seen(file);
    EXPECT_TRUE(seen.isWhole());
    EXPECT_EQ(seen.section(MOERT_SECTION_CODE),
              std::string(5000, char('a' + lessons)));
    return ExitLesson{{}, ++lessons < 3};
  };
  ASSERT_EQ(write(), "");
  EXPECT_EQ(lessons, 3);
  Module last(path);
  EXPECT_TRUE(last.isWhole());
  EXPECT_EQ(last.section(MOERT_SECTION_CODE), std::string(5000, 'c'));
}

TEST_F(ExitMetadataTest, LeavesNothingBehindALessonThatFails) {
  std::string part;
  input.teach = [&](llvm::StringRef file,
                    uint64_t) -> llvm::Expected<ExitLesson> {
    part = file.str();
    return llvm::createStringError("too few prompts");
  };
  EXPECT_EQ(write(), "too few prompts");
  EXPECT_FALSE(llvm::sys::fs::exists(part));
  EXPECT_FALSE(llvm::sys::fs::exists(path));
}

TEST_F(ExitMetadataTest, RefusesACertificateOfOtherWeightsOrExits) {
  ASSERT_EQ(write(), "");
  std::string metadata = Module(path).section(MOERT_SECTION_METADATA);
  uint64_t hash = read(metadata).exits()->weights_hash();
  llvm::sys::fs::remove(path);

  input.certificate = certify(hash + 1);
  EXPECT_THAT(write(), HasSubstr("certificate is of weights with hash 0x"));
  input.certificate = certify(hash);
  input.certificate->modelHash = 0x10;
  EXPECT_EQ(write(),
            "certificate is of a model with hash 0x10, this one has 0x1267");
  input.certificate = certify(hash);
  input.certificate->layers = {1, 2};
  EXPECT_EQ(write(), "certificate is of exits behind layers [1, 2], the model "
                     "has them behind [1]");
  input.certificate = certify(hash);
  input.certificate->thresholds = {};
  EXPECT_EQ(write(), "certificate has 0 thresholds for 1 exits");
  input.certificate = certify(hash);
  input.certificate->thresholds = {0.5};
  EXPECT_EQ(write(), "certificate is of threshold 0.5 behind layer 1, the "
                     "model has 0.9");
  EXPECT_FALSE(llvm::sys::fs::exists(path));
  input.certificate = certify(hash);
  EXPECT_EQ(write(), "");
}

} // namespace
