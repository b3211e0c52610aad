//===- SchemeChoice.cpp - reads what --quantize says ----------------------===//
#include "moe/Quant/Transforms/SchemeChoice.h"

#include "moe/Driver/Registry.h"
#include "moe/Support/UnknownName.h"

using namespace moe;
using llvm::StringRef;

/// What a user may well think of, and what is small or read sparsely.
static constexpr llvm::StringLiteral neverStored[] = {
    "router", "embed", "norm", "norms", "bias", "biases"};

static llvm::Error verifyScheme(StringRef name, const Registry &registry) {
  if (registry.schemes.count(name.str()))
    return llvm::Error::success();
  return unknownMember("quantisation scheme", name, registry.schemes);
}

static llvm::Expected<size_t> findClass(StringRef name) {
  llvm::ArrayRef<llvm::StringLiteral> classes = getWeightClasses();
  const auto *found = llvm::find(classes, name);
  if (found != classes.end())
    return found - classes.begin();
  std::string known = llvm::join(classes, ", ");
  if (llvm::is_contained(neverStored, name))
    return llvm::createStringError("weights of class '" + name +
                                   "' are never stored as codes, only those "
                                   "of: " +
                                   known);
  return llvm::createStringError("unknown class of weights '" + name +
                                 "', known are: " + known);
}

/// Fills a place that must still be empty.
static llvm::Error set(std::string &place, const llvm::Twine &what,
                       StringRef scheme) {
  if (!place.empty())
    return llvm::createStringError("2 schemes given for " + what + ", '" +
                                   place + "' and '" + scheme +
                                   "', expected 1");
  place = scheme.str();
  return llvm::Error::success();
}

llvm::Error SchemeChoice::add(StringRef item, std::string &others) {
  if (!item.contains(':'))
    return set(others, "the other classes", item);
  auto [name, scheme] = item.rsplit(':');
  if (name.starts_with("@"))
    return set(named[name.drop_front()], "weight " + name, scheme);
  llvm::Expected<size_t> index = findClass(name);
  if (!index)
    return index.takeError();
  return set(classes[*index], "class '" + name + "'", scheme);
}

llvm::Expected<SchemeChoice> SchemeChoice::parse(StringRef text,
                                                 const Registry &registry) {
  SchemeChoice choice;
  std::string others;
  for (StringRef item : llvm::split(text, ',')) {
    StringRef scheme = item.substr(item.rfind(':') + 1);
    if (llvm::Error error = verifyScheme(scheme, registry))
      return std::move(error);
    if (llvm::Error error = choice.add(item, others))
      return std::move(error);
  }
  for (std::string &scheme : choice.classes)
    if (scheme.empty())
      scheme = others.empty() ? "none" : others;
  return choice;
}

StringRef SchemeChoice::get(WeightClass weightClass, StringRef weight) const {
  auto own = named.find(weight);
  return own != named.end() ? StringRef(own->second)
                            : StringRef(classes[size_t(weightClass)]);
}

bool SchemeChoice::isNone() const {
  auto isNone = [](StringRef scheme) { return scheme == "none"; };
  return llvm::all_of(classes, isNone) &&
         llvm::all_of(llvm::make_second_range(named), isNone);
}
