//===- ExitMetadata.cpp - where tokens may leave, for the runtime ---------===//
#include "Metadata.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "moe/Analysis/ExitWork.h"
#include "moe/Dialect/MoE/IR/Assembly.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace moe;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
namespace fb = moert::fb;

uint64_t moe::getWeightsHash(llvm::ArrayRef<uint64_t> checksums) {
  // Weights lie in the order of their use, which a schedule may change.
  std::vector<uint64_t> sorted = checksums.vec();
  llvm::sort(sorted);
  std::vector<uint8_t> bytes(checksums.size() * sizeof(uint64_t));
  for (auto [i, checksum] : llvm::enumerate(sorted))
    llvm::support::endian::write64le(&bytes[i * sizeof(uint64_t)], checksum);
  return llvm::xxh3_64bits(bytes);
}

uint64_t moe::getModelHash(const ContainerInput &input) {
  ModelOp model = cast<ModelOp>(ModelOp(input.model)->clone());
  // Names of files and folders say nothing, and the values are known by their
  // checksums.
  model.setSymName("model");
  model.setDirectory("");
  Builder builder(model->getContext());
  for (auto weight : model.getOps<WeightOp>())
    weight.setSourcesAttr(builder.getArrayAttr({}));
  std::string text;
  llvm::raw_string_ostream os(text);
  model.print(os, OpPrintingFlags().printGenericOpForm());
  model.erase();
  os << "\n" << input.addBos << " " << input.bosToken;
  for (int32_t token : input.eosTokens)
    os << " " << token;
  os << "\n" << input.tokenizerJson;
  return llvm::xxh3_64bits(text);
}

//===----------------------------------------------------------------------===//
// What exits cost
//===----------------------------------------------------------------------===//

/// Of weights that a part of the work at an exit reads; the mean over the exits.
static uint64_t getMeanBytes(ModelOp model, const ExitWork &work,
                             llvm::ArrayRef<ExitWork::Ops> parts) {
  uint64_t bytes = 0;
  for (const ExitWork::Ops &part : parts)
    bytes += getBytesRead(model, part.getArrayRef());
  return bytes / work.getExits().size();
}

/// Of weights that a token reads in a layer; the mean.
static uint64_t getLayerBytes(ModelOp model, const ExitWork &work) {
  llvm::SmallVector<Operation *> ops;
  int64_t layers = 0;
  model.lookupSymbol<func::FuncOp>("forward").walk([&](Operation *op) {
    layers += isa<AttentionOp>(op);
    if (work.isNeededWithoutExits(op) && !work.getLastHead().contains(op) &&
        !isa<EmbedOp>(op))
      ops.push_back(op);
  });
  return getBytesRead(model, ops) / std::max<int64_t>(layers, 1);
}

//===----------------------------------------------------------------------===//
// Certificates
//===----------------------------------------------------------------------===//

static std::string list(llvm::ArrayRef<int64_t> numbers) {
  return "[" + llvm::join(llvm::map_range(numbers, [](int64_t number) {
                            return std::to_string(number);
                          }),
                          ", ") +
         "]";
}

llvm::Error moe::verifyCertificate(const ExitCertificate &certificate,
                                   const ContainerInput &input,
                                   uint64_t weightsHash) {
  if (certificate.weightsHash != weightsHash)
    return llvm::createStringError(
        "certificate is of weights with hash 0x" +
        llvm::utohexstr(certificate.weightsHash, /*LowerCase=*/true) +
        ", those of the model have 0x" +
        llvm::utohexstr(weightsHash, /*LowerCase=*/true));
  if (certificate.modelHash != input.modelHash)
    return llvm::createStringError(
        "certificate is of a model with hash 0x" +
        llvm::utohexstr(certificate.modelHash, /*LowerCase=*/true) +
        ", this one has 0x" +
        llvm::utohexstr(input.modelHash, /*LowerCase=*/true));
  ExitWork work(input.model);
  std::vector<int64_t> layers;
  for (ExitOp exit : work.getExits())
    layers.push_back(exit.getLayers());
  if (certificate.layers != layers)
    return llvm::createStringError("certificate is of exits behind layers " +
                                   list(certificate.layers) +
                                   ", the model has them behind " +
                                   list(layers));
  if (certificate.thresholds.size() != layers.size())
    return llvm::createStringError(
        "certificate has " + llvm::Twine(certificate.thresholds.size()) +
        " thresholds for " + llvm::Twine(layers.size()) + " exits");
  for (auto [exit, certified] :
       llvm::zip_equal(work.getExits(), certificate.thresholds)) {
    APFloat threshold = ExitOp(exit).getThreshold();
    if (threshold.convertToDouble() != certified)
      return llvm::createStringError(
          "certificate is of threshold " + realText(APFloat(certified)) +
          " behind layer " + llvm::Twine(ExitOp(exit).getLayers()) +
          ", the model has " + realText(threshold));
  }
  return llvm::Error::success();
}

static Offset<fb::Certificate>
buildCertificate(FlatBufferBuilder &builder,
                 const ExitCertificate &certificate) {
  auto risk = builder.CreateString(certificate.risk);
  auto thresholds = builder.CreateVector(certificate.thresholds);
  return fb::CreateCertificate(
      builder, certificate.prompts, certificate.bound.delta,
      certificate.bound.epsilon, risk, certificate.dataHash,
      certificate.weightsHash, thresholds, certificate.empiricalRisk,
      certificate.pValue, certificate.modelHash);
}

//===----------------------------------------------------------------------===//
// Table Exits
//===----------------------------------------------------------------------===//

/// Rows that wait can go on, which tells `recompute` from `propagate`; who
/// compares them with the full model is not the IR's affair.
static fb::ExitState getState(ExitOp exit, bool verifies) {
  if (!exit.getKv())
    return fb::ExitState::Propagate;
  return verifies ? fb::ExitState::Verify : fb::ExitState::Recompute;
}

Offset<fb::Exits> moe::buildExits(FlatBufferBuilder &builder,
                                  const ContainerInput &input,
                                  uint64_t weightsHash) {
  ModelOp model = input.model;
  ExitWork work(model);
  if (work.getExits().empty())
    return {};
  std::vector<Offset<fb::Exit>> exits;
  for (ExitOp exit : work.getExits()) {
    std::optional<APFloat> taken = exit.getTaken();
    exits.push_back(fb::CreateExit(builder, int32_t(exit.getLayers()),
                                   exit.getThreshold().convertToDouble(),
                                   taken ? taken->convertToDouble() : -1));
  }
  ExitOp first = work.getExits().front();
  auto policy = builder.CreateString(first.getPolicy().str());
  bool isLight = !first->getBlock()->getOps<CertainOp>().empty();
  auto head = builder.CreateString(isLight ? "light" : "full");
  auto exitsOffset = builder.CreateVector(exits);
  Offset<fb::Certificate> certificate;
  if (input.certificate)
    certificate = buildCertificate(builder, *input.certificate);
  return fb::CreateExits(builder, policy, head,
                         getState(first, input.verifiesExits), exitsOffset,
                         getMeanBytes(model, work, work.getChecks()),
                         getLayerBytes(model, work), weightsHash, certificate,
                         getMeanBytes(model, work, work.getLeaving()),
                         getMeanBytes(model, work, work.getUnsure()),
                         input.modelHash);
}
