//===- TestModule.cpp - small modules for tests ---------------------------===//
#include "TestModule.h"

#include "container/Checksum.h"
#include "container/Writer.h"
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <unistd.h>

using namespace moert;
using namespace moert::test;
namespace fs = std::filesystem;

static std::vector<char> readAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw std::runtime_error("cannot read " + path);
  return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

std::vector<char> ModuleSpec::biasBytes() {
  const float bias[4] = {0.25f, 1, 2, 4};
  std::vector<char> bytes(sizeof(bias));
  std::memcpy(bytes.data(), bias, sizeof(bias));
  return bytes;
}

ModuleSpec ModuleSpec::on(const std::string &wanted) const {
  ModuleSpec spec = *this;
  spec.backend = spec.driver = wanted;
#define MOERT_CONFORMANCE_CODE(driver, file)                                   \
  if (wanted == #driver)                                                       \
    spec.code = readAll(file);
#include "ConformanceCode.def"
#undef MOERT_CONFORMANCE_CODE
  return spec;
}

ModuleSpec ModuleSpec::cpu(const std::string &entry) {
  ModuleSpec spec;
  spec.entry = entry;
  return spec.on("cpu");
}

ModuleSpec ModuleSpec::offloaded() {
  constexpr int64_t rows = 16, columns = 64, floats = 3 * rows * columns;
  constexpr uint64_t size = floats * sizeof(float); // 3 pages
  ModuleSpec spec = cpu("conformance_experts");
  spec.layers = 2;
  spec.experts = 4;
  spec.expertsPerToken = 2;
  spec.workspaceFixed = 64;
  spec.operations = {"layer 0", "layer 1"};
  for (int key = 0; key < 8; ++key) {
    ParameterSpec expert;
    expert.name = "gate." + std::to_string(key);
    expert.kind = 1;
    expert.shape = {rows, columns};
    expert.offset = 4096 + key * size;
    expert.size = size;
    expert.layer = key / 4;
    expert.expert = key % 4;
    spec.weights.resize(expert.offset + size);
    const float value = float(key + 1);
    std::memcpy(&spec.weights[expert.offset], &value, sizeof(value));
    std::memcpy(&spec.weights[expert.offset + size - sizeof(value)], &value,
                sizeof(value));
    spec.parameters.push_back(expert);
  }
  spec.schedule.emplace();
  spec.schedule->policy = "lru";
  spec.schedule->layers = {0, 1};
  return spec;
}

ModuleSpec ModuleSpec::leaving(bool parks) {
  ModuleSpec spec = cpu(parks ? "conformance_parks" : "conformance_exits");
  spec.layers = spec.kvLayers = 4;
  spec.workspaceFixed = 0;
  spec.workspacePerRow = 32;
  spec.exits.emplace();
  spec.exits->state = parks;
  spec.exits->places = {{1, 0.75}, {2, 0.75}, {3, 0.75}};
  return spec;
}

ModuleSpec ModuleSpec::coded(const Code &code) {
  ModuleSpec spec;
  spec.codes = {code};
  ParameterSpec &weight = spec.parameters[0];
  weight.name = "weight";
  weight.element = int(fb::ElementType::BF16);
  weight.shape = {16, 64};
  weight.scheme = code.name;
  weight.size = code.matrixBytes(16, 64);
  weight.matrices = {{16, 64, 0, weight.element, 0, 0, weight.size}};
  spec.weights.assign(weight.size, 0);
  spec.modelWeights = spec.codedWeights = 16 * 64;
  spec.weightBits = spec.codeBits = weight.size * 8;
  return spec;
}

static uint64_t checksumOf(const ParameterSpec &parameter,
                           const std::vector<char> &weights) {
  uint64_t size = weights.size();
  if (parameter.offset > size || parameter.size > size - parameter.offset)
    return 0; // the reader refuses it before it looks
  return checksum(std::as_bytes(std::span(weights))
                      .subspan(parameter.offset, parameter.size));
}

using Builder = flatbuffers::FlatBufferBuilder;
template <typename T>
using Vector = flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<T>>>;

static Vector<fb::Matrix> makeMatrices(Builder &builder,
                                       const ParameterSpec &parameter) {
  if (parameter.matrices.empty())
    return {};
  std::vector<flatbuffers::Offset<fb::Matrix>> matrices;
  for (const MatrixSpec &matrix : parameter.matrices)
    matrices.push_back(fb::CreateMatrix(
        builder, matrix.rows, matrix.columns, matrix.code,
        static_cast<fb::ElementType>(matrix.element), matrix.columnRotation,
        matrix.rowRotation, matrix.size));
  return builder.CreateVector(matrices);
}

static Vector<fb::Code> makeCodes(Builder &builder, const ModuleSpec &spec) {
  if (spec.codes.empty())
    return {};
  std::vector<flatbuffers::Offset<fb::Code>> codes;
  for (const Code &code : spec.codes) {
    std::vector<int16_t> window(code.window.begin(), code.window.end());
    std::vector<uint8_t> levels(code.levels.begin(), code.levels.end());
    int layout = codes.empty() && spec.unknownLayout ? spec.unknownLayout
                                                     : int(code.layout);
    codes.push_back(fb::CreateCodeDirect(
        builder, code.name.c_str(), static_cast<fb::CodeLayout>(layout),
        uint8_t(code.bits), code.columns, code.weights, uint8_t(code.offset),
        code.zeros, code.rotated, &window, &levels));
  }
  return builder.CreateVector(codes);
}

static flatbuffers::Offset<fb::Schedule> makeSchedule(Builder &builder,
                                                      const ModuleSpec &spec) {
  if (!spec.schedule)
    return {};
  const ScheduleSpec &schedule = *spec.schedule;
  return fb::CreateScheduleDirect(
      builder, schedule.policy.c_str(), schedule.entries, &schedule.layers,
      schedule.partition.empty() ? nullptr : &schedule.partition,
      schedule.predictor.c_str(), schedule.ahead, schedule.guesses,
      &schedule.guessedLayers);
}

/// Of the checksums of all parameters, as the container says.
static uint64_t weightsHash(const ModuleSpec &spec) {
  std::vector<uint64_t> checksums;
  for (const ParameterSpec &parameter : spec.parameters)
    checksums.push_back(checksumOf(parameter, spec.weights));
  std::sort(checksums.begin(), checksums.end());
  return checksum(std::as_bytes(std::span(checksums)));
}

static flatbuffers::Offset<fb::Certificate>
makeCertificate(Builder &builder, const CertificateSpec &spec, uint64_t hash) {
  return fb::CreateCertificateDirect(
      builder, spec.prompts, spec.delta, spec.epsilon, spec.risk.c_str(),
      spec.dataHash, hash + uint64_t(spec.weightsOff),
      spec.thresholds.empty() ? nullptr : &spec.thresholds, spec.empiricalRisk,
      spec.pValue, spec.modelHash);
}

static flatbuffers::Offset<fb::Exits> makeExits(Builder &builder,
                                                const ModuleSpec &spec) {
  if (!spec.exits)
    return {};
  const ExitsSpec &exits = *spec.exits;
  const uint64_t hash = weightsHash(spec) + uint64_t(exits.weightsOff);
  std::vector<flatbuffers::Offset<fb::Exit>> places;
  for (const ExitsSpec::Place &place : exits.places)
    places.push_back(
        fb::CreateExit(builder, place.layers, place.threshold, place.taken));
  flatbuffers::Offset<fb::Certificate> certificate;
  if (exits.certificate)
    certificate = makeCertificate(builder, *exits.certificate, hash);
  return fb::CreateExitsDirect(
      builder, exits.policy.c_str(), exits.head.c_str(),
      static_cast<fb::ExitState>(exits.state), &places, exits.headBytes,
      exits.layerBytes, hash, certificate, exits.leaveBytes,
      exits.unsureBytes);
}

std::vector<char> moert::test::makeMetadata(const ModuleSpec &spec) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<fb::Parameter>> parameters;
  for (const ParameterSpec &parameter : spec.parameters) {
    flatbuffers::Offset<fb::RopeTable> rope;
    Vector<fb::Matrix> matrices = makeMatrices(builder, parameter);
    if (!parameter.frequencies.empty())
      rope = fb::CreateRopeTableDirect(builder, &parameter.frequencies,
                                       parameter.gain);
    flatbuffers::Offset<flatbuffers::String> scheme;
    if (!parameter.scheme.empty())
      scheme = builder.CreateString(parameter.scheme);
    parameters.push_back(fb::CreateParameter(
        builder, builder.CreateString(parameter.name),
        static_cast<fb::ParameterKind>(parameter.kind),
        static_cast<fb::ElementType>(parameter.element),
        builder.CreateVector(parameter.shape), parameter.offset, parameter.size,
        checksumOf(parameter, spec.weights), parameter.layer, parameter.expert,
        scheme, rope, matrices));
  }
  auto model = fb::CreateModelDirect(
      builder, "test", "null", spec.vocabulary, spec.context, spec.hidden,
      spec.layers, spec.experts, spec.expertsPerToken, spec.modelWeights,
      spec.bos, true, &spec.eos);
  std::vector<flatbuffers::Offset<flatbuffers::String>> features, operations;
  for (const std::string &feature : spec.features)
    features.push_back(builder.CreateString(feature));
  for (const std::string &operation : spec.operations)
    operations.push_back(builder.CreateString(operation));
  auto target =
      fb::CreateTargetDirect(builder, spec.backend.c_str(), spec.driver.c_str(),
                             spec.triple.c_str(), "test", &features,
                             spec.codeContext);
  auto kv = fb::CreateKv(builder, spec.kvLayers, spec.kvHeads, spec.kvHeadSize,
                         static_cast<fb::ElementType>(spec.kvElement));
  Vector<fb::Code> codes = makeCodes(builder, spec);
  flatbuffers::Offset<fb::Schedule> schedule = makeSchedule(builder, spec);
  flatbuffers::Offset<fb::Exits> exits = makeExits(builder, spec);
  flatbuffers::Offset<flatbuffers::String> entry;
  if (!spec.entry.empty())
    entry = builder.CreateString(spec.entry);
  fb::FinishModuleBuffer(
      builder,
      fb::CreateModule(builder, builder.CreateString("moert tests"), model,
                       target, kv, builder.CreateVector(parameters), entry,
                       spec.workspaceFixed, spec.workspacePerRow,
                       builder.CreateVector(operations), spec.weightBits, 20,
                       16, codes, spec.codedWeights, spec.codeBits, schedule,
                       exits));
  const char *begin = reinterpret_cast<char *>(builder.GetBufferPointer());
  return std::vector<char>(begin, begin + builder.GetSize());
}

Status moert::test::writeModule(const ModuleSpec &spec,
                                const std::string &path) {
  std::unique_ptr<ContainerWriter> writer;
  MOERT_RETURN_IF_ERROR(ContainerWriter::create(path, &writer));
  auto add = [&](uint32_t id, uint32_t flags, const std::vector<char> &bytes) {
    return writer->addSection(id, flags, bytes.data(), bytes.size());
  };
  if (spec.hasMetadata)
    MOERT_RETURN_IF_ERROR(add(MOERT_SECTION_METADATA, MOERT_SECTION_REQUIRED,
                              makeMetadata(spec)));
  if (!spec.code.empty())
    MOERT_RETURN_IF_ERROR(
        add(MOERT_SECTION_CODE, MOERT_SECTION_REQUIRED, spec.code));
  if (spec.hasWeights)
    MOERT_RETURN_IF_ERROR(
        add(MOERT_SECTION_WEIGHTS, MOERT_SECTION_REQUIRED, spec.weights));
  for (const SectionSpec &section : spec.more)
    MOERT_RETURN_IF_ERROR(add(section.id, section.flags, section.bytes));
  return writer->finish();
}

//===----------------------------------------------------------------------===//
// Image
//===----------------------------------------------------------------------===//

std::byte *Image::begin() {
  uintptr_t address = reinterpret_cast<uintptr_t>(storage.data());
  return storage.data() + (64 - address % 64) % 64;
}

Image::Image(const std::string &path) {
  std::vector<char> file = readAll(path);
  used = file.size();
  storage.resize(used + 64);
  std::memcpy(begin(), file.data(), used);
}

static std::string writeTemporary(const TempFolder &folder,
                                  const ModuleSpec &spec) {
  std::string path = folder.path("module.moe");
  Status status = writeModule(spec, path);
  if (status)
    throw std::runtime_error(status.message());
  return path;
}

Image::Image(const ModuleSpec &spec)
    : Image(writeTemporary(TempFolder(), spec)) {}

moert_container_section_t *Image::section(uint32_t id) {
  for (uint32_t i = 0; i < header().section_count; ++i)
    if (header().sections[i].id == id)
      return &header().sections[i];
  throw std::runtime_error("no section " + std::to_string(id));
}

void Image::sign() {
  for (uint32_t i = 0; i < header().section_count; ++i) {
    moert_container_section_t &section = header().sections[i];
    if (section.offset <= used && section.size <= used - section.offset)
      section.checksum =
          checksum(bytes().subspan(section.offset, section.size));
  }
  header().header_checksum = 0;
  header().header_checksum = checksum(bytes().first(MOERT_CONTAINER_PAGE));
}

std::string Image::read(const ReadOptions &options) {
  std::unique_ptr<Container> container;
  Status status = Container::fromBytes(bytes(), "m.moe", options, &container);
  code = status.code();
  return status.message();
}

//===----------------------------------------------------------------------===//
// TempFolder
//===----------------------------------------------------------------------===//

TempFolder::TempFolder() {
  std::string pattern = fs::temp_directory_path() / "moert-XXXXXX";
  if (!::mkdtemp(pattern.data()))
    throw std::runtime_error("cannot make " + pattern);
  root = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(root, ignored);
}

std::vector<std::string> TempFolder::list() const {
  std::vector<std::string> names;
  for (const auto &entry : fs::directory_iterator(root))
    names.push_back(entry.path().filename());
  return names;
}

std::string moert::test::message(moert_status_t status) {
  return Status(status).message();
}
