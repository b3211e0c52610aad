//===- Registry.h - what is plugged into this build -------------*- C++ -*-===//
#ifndef MOE_DRIVER_REGISTRY_H
#define MOE_DRIVER_REGISTRY_H

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace moe {

class ExitPolicy;
class ModelFamily;
class Predictor;
class QuantScheme;
class TargetBackend;

/// Factories of every kind, by name. Sorted, so listings are reproducible.
/// A member of a kind is one folder that calls add_moe_plugin(<kind> <Id> ...)
/// and defines
///   extern "C" void moeRegister_<kind>_<Id>(moe::Registry &);
struct Registry {
  template <typename T>
  using Factories = std::map<std::string, std::function<std::unique_ptr<T>()>>;
  Factories<ModelFamily> families;   ///< by model_type of config.json
  Factories<QuantScheme> schemes;    ///< by --quantize name
  Factories<TargetBackend> backends; ///< by --target name
  Factories<Predictor> predictors;   ///< by --predictor name
  Factories<ExitPolicy> exitPolicies; ///< by --exit-policy name
};

/// Registers every member this build found. Defined by the generated list.
void registerPlugins(Registry &registry);

/// The registry of this build, filled on first use.
const Registry &getRegistry();

} // namespace moe

#endif // MOE_DRIVER_REGISTRY_H
