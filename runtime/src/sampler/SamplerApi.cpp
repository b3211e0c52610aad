//===- SamplerApi.cpp - moert_sampler_*: the sampler as C -----------------===//
#include "base/Options.h"
#include "moert/moert.h"
#include "sampler/Sampler.h"

using namespace moert;

struct moert_sampler_t {
  explicit moert_sampler_t(const SamplerOptions &options) : sampler(options) {}
  Sampler sampler;
};

void moert_sampler_options_init(moert_sampler_options_t *options) {
  *options = {sizeof(*options), 0.0f, 0, 1.0f, 0};
}

moert_status_t moert_sampler_create(const moert_sampler_options_t *options,
                                    moert_sampler_t **out_sampler) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(
        refuseNull("moert_sampler_create",
                   {{"options", options}, {"out_sampler", out_sampler}}));
    if (options->size < sizeof(*options))
      return Status(MOERT_INVALID_ARGUMENT,
                    "sampler options are not initialised");
    SamplerOptions wanted{options->temperature, options->top_k, options->top_p,
                          options->seed};
    MOERT_RETURN_IF_ERROR(Sampler::check(wanted));
    *out_sampler = new moert_sampler_t(wanted);
    return Status();
  });
}

moert_status_t moert_sampler_pick(moert_sampler_t *sampler, const float *logits,
                                  int64_t count, int32_t *out_token) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull(
        "moert_sampler_pick",
        {{"sampler", sampler}, {"logits", logits}, {"out_token", out_token}}));
    return sampler->sampler.pick(logits, count, *out_token);
  });
}

moert_status_t moert_sampler_pick_at(moert_sampler_t *sampler, uint64_t draw,
                                     const float *logits, int64_t count,
                                     int32_t *out_token) {
  return guarded([&]() -> Status {
    MOERT_RETURN_IF_ERROR(refuseNull(
        "moert_sampler_pick_at",
        {{"sampler", sampler}, {"logits", logits}, {"out_token", out_token}}));
    return sampler->sampler.pickAt(draw, logits, count, *out_token);
  });
}

void moert_sampler_free(moert_sampler_t *sampler) { delete sampler; }
