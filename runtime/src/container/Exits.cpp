//===- Exits.cpp - whether exits can be what they say ---------------------===//
#include "container/Exits.h"

#include "container/Checksum.h"
#include <algorithm>
#include <cmath>

using namespace moert;

namespace {

class ExitChecker {
public:
  ExitChecker(const fb::Module &module, const std::string &origin)
      : exits(*module.exits()), layers(module.model()->layers()),
        origin(origin) {}

  Status run() const {
    if (exits.state() > fb::ExitState::MAX)
      return fail("have state ", int(exits.state()), ", the last known is ",
                  int(fb::ExitState::MAX));
    if (exits.exits()->size() == 0)
      return fail("are none");
    MOERT_RETURN_IF_ERROR(checkPlaces());
    return exits.certificate() ? checkCertificate(*exits.certificate())
                               : Status();
  }

private:
  template <typename... Parts> Status fail(const Parts &...parts) const {
    return makeStatus(MOERT_DATA_LOSS, origin, ": metadata: the exits ",
                      parts...);
  }
  Status checkPlaces() const;
  Status checkCertificate(const fb::Certificate &certificate) const;

  const fb::Exits &exits;
  int32_t layers;
  const std::string &origin;
};

} // namespace

static bool isShare(double value) { return value >= 0 && value <= 1; }

Status ExitChecker::checkPlaces() const {
  int32_t last = 0;
  for (const fb::Exit *exit : *exits.exits()) {
    if (exit->layers() < 1 || exit->layers() >= layers)
      return fail("have one after ", exit->layers(), " layers, the model has ",
                  layers);
    if (exit->layers() <= last)
      return fail("have one after ", exit->layers(),
                  " layers behind one after ", last,
                  ", must be in ascending order");
    if (std::isnan(exit->threshold()))
      return fail("have a threshold after ", exit->layers(),
                  " layers that is not a number");
    if (!isShare(exit->taken()) && exit->taken() != -1)
      return fail("have ", exit->taken(),
                  " as share of those that leave after ", exit->layers(),
                  " layers, must be between 0 and 1, or -1");
    last = exit->layers();
  }
  return Status();
}

Status ExitChecker::checkCertificate(const fb::Certificate &certificate) const {
  if (certificate.weights_hash() != exits.weights_hash())
    return makeStatus(MOERT_DATA_LOSS, origin,
                      ": metadata: the certificate is for weights 0x",
                      hex(certificate.weights_hash()), ", the module has 0x",
                      hex(exits.weights_hash()));
  if (certificate.model_hash() != exits.model_hash())
    return makeStatus(MOERT_DATA_LOSS, origin,
                      ": metadata: the certificate is for model 0x",
                      hex(certificate.model_hash()), ", the module has 0x",
                      hex(exits.model_hash()));
  if (certificate.prompts() < 1)
    return fail("have a certificate made of ", certificate.prompts(),
                " prompts, must be at least 1");
  // A bound of 0 promises what no sample can show, one of 1 nothing.
  for (auto [name, value] : {std::pair("delta", certificate.delta()),
                             std::pair("epsilon", certificate.epsilon())})
    if (!(value > 0 && value < 1))
      return fail("have a certificate with ", value, " as ", name,
                  ", must be above 0 and below 1");
  if (!isShare(certificate.p_value()))
    return fail("have a certificate with ", certificate.p_value(),
                " as p-value, must be between 0 and 1");
  if (certificate.p_value() > certificate.epsilon())
    return fail("have a certificate with ", certificate.p_value(),
                " as p-value, above its epsilon of ", certificate.epsilon());
  if (!std::isfinite(certificate.empirical_risk()))
    return fail("have a certificate with ", certificate.empirical_risk(),
                " as empirical risk, must be finite");
  const flatbuffers::Vector<double> *thresholds = certificate.thresholds();
  const size_t count = thresholds ? thresholds->size() : 0;
  if (count != exits.exits()->size())
    return fail("have a certificate of ", count, " thresholds, they are ",
                exits.exits()->size());
  if (reinterpret_cast<uintptr_t>(thresholds->Data()) % alignof(double) != 0)
    return fail("have a certificate with thresholds that are not aligned");
  for (flatbuffers::uoffset_t i = 0; i < count; ++i)
    if (thresholds->Get(i) != exits.exits()->Get(i)->threshold())
      return fail("have threshold ", exits.exits()->Get(i)->threshold(),
                  " after ", exits.exits()->Get(i)->layers(),
                  " layers, the certificate is for ", thresholds->Get(i));
  return Status();
}

Status moert::checkExits(const fb::Module &module, const std::string &origin) {
  return module.exits() ? ExitChecker(module, origin).run() : Status();
}

Status moert::checkExitWeights(const fb::Module &module,
                               const std::string &origin) {
  if (!module.exits())
    return Status();
  std::vector<uint64_t> checksums;
  for (const fb::Parameter *parameter : *module.parameters())
    checksums.push_back(parameter->checksum());
  std::sort(checksums.begin(), checksums.end());
  std::vector<std::byte> bytes;
  for (uint64_t each : checksums)
    for (int shift = 0; shift < 64; shift += 8)
      bytes.push_back(std::byte(each >> shift));
  const uint64_t actual = checksum(bytes);
  if (actual == module.exits()->weights_hash())
    return Status();
  return makeStatus(
      MOERT_DATA_LOSS, origin, ": metadata: the exits are for weights 0x",
      hex(module.exits()->weights_hash()), ", the module has 0x", hex(actual));
}
