/*===- ConformanceKernels.h - kernels of the conformance code for GPUs ------===*
 *
 * Each kernel takes ten numbers of 64 bits, addresses or not, of which the first
 * says for how many numbers `i` its body runs: one thread for each. The same text
 * becomes host code for the emulator (ConformanceCode.c) and PTX
 * (ConformanceKernels.c).
 *===----------------------------------------------------------------------===*/
#include <stdint.h>

enum { VOCABULARY = 4, LAYERS = 2, EXPERTS = 4, CHOSEN = 2, DEPTH = 4 };
enum { EXPERT_FLOATS = 3 * 16 * 64 };
enum { ARGUMENTS = 10, THREADS = 64 };

#define POINTER(type, index) ((type *)(uintptr_t)a[index])

/* count, tokens, sequences, positions, kv, capacity, workspace */
static void storeBody(int64_t i, const int64_t *a) {
  float *keys = POINTER(float *const, 4)[POINTER(const int32_t, 2)[i]];
  const int32_t position = POINTER(const int32_t, 3)[i];
  keys[position] = (float)POINTER(const int32_t, 1)[i];
  keys[a[5] + position] = 0.5f;
  for (int64_t byte = 0; byte < 64; ++byte)
    POINTER(char, 6)[64 + i * 64 + byte] = (char)i;
}

/* count, wanted, sequences, positions, kv, capacity, bias, logits */
static void logitsBody(int64_t i, const int64_t *a) {
  const int64_t row = POINTER(const int32_t, 1)[i];
  const float *keys = POINTER(float *const, 4)[POINTER(const int32_t, 2)[row]];
  const float *values = keys + a[5];
  float sum = 0;
  for (int32_t p = 0; p <= POINTER(const int32_t, 3)[row]; ++p)
    sum += keys[p] + values[p];
  for (int64_t v = 0; v < VOCABULARY; ++v)
    POINTER(float, 7)[i * VOCABULARY + v] =
        POINTER(const float, 6)[v] + sum * (float)(v + 1);
}

/* count, tokens, positions, layer, ids, logits, weights, first weight in eighths */
static void routeBody(int64_t i, const int64_t *a) {
  int32_t *ids = POINTER(int32_t, 4) + i * CHOSEN;
  ids[0] = (POINTER(const int32_t, 1)[i] + (int32_t)a[3]) % EXPERTS;
  ids[1] = (ids[0] + 1 + POINTER(const int32_t, 2)[i] % 3) % EXPERTS;
  for (int32_t e = 0; e < EXPERTS; ++e)
    POINTER(float, 5)[i * EXPERTS + e] =
        e == ids[0] ? 3.0f : (e == ids[1] ? 2.0f : 0.0f);
  POINTER(float, 6)[i * CHOSEN] = (float)a[7] * 0.125f;
  POINTER(float, 6)[i * CHOSEN + 1] = 1.0f - (float)a[7] * 0.125f;
}

/* count, rows, parameters, layer, ids, sums, experts or null: expert number i, for
 * all rows */
static void computeBody(int64_t i, const int64_t *a) {
  const int32_t *list = POINTER(const int32_t, 6);
  const int64_t expert = list ? list[i] : i;
  const float *values =
      POINTER(const float *const, 2)[1 + a[3] * EXPERTS + expert];
  for (int64_t row = 0; row < a[1]; ++row)
    for (int64_t c = 0; c < CHOSEN; ++c)
      if (POINTER(const int32_t, 4)[row * CHOSEN + c] == expert)
        POINTER(float, 5)[(row * LAYERS + a[3]) * CHOSEN + c] =
            2 * values[0] + values[EXPERT_FLOATS - 1];
}

/* count, wanted, sums, bias, logits */
static void sumsBody(int64_t i, const int64_t *a) {
  const float *sums = POINTER(const float, 2) +
                      POINTER(const int32_t, 1)[i] * (LAYERS * CHOSEN);
  float sum = 0;
  for (int64_t c = 0; c < LAYERS * CHOSEN; ++c)
    sum += sums[c];
  for (int64_t v = 0; v < VOCABULARY; ++v)
    POINTER(float, 4)[i * VOCABULARY + v] =
        POINTER(const float, 3)[v] + sum * (float)(v + 1);
}

/* count, tokens, features */
static void beginBody(int64_t i, const int64_t *a) {
  POINTER(float, 2)[i] = (float)(POINTER(const int32_t, 1)[i] + 1);
}

static float *keysOfRow(const int64_t *a, int32_t row) {
  return POINTER(float *const, 4)[POINTER(const int32_t, 2)[row]] +
         2 * a[6] * a[5];
}

/* count, rows, sequences, positions, kv, capacity, layer, features */
static void keepBody(int64_t i, const int64_t *a) {
  const int32_t row = POINTER(const int32_t, 1)[i];
  keysOfRow(a, row)[POINTER(const int32_t, 3)[row]] =
      POINTER(const float, 7)[row];
}

/* the same: the layer's feature of what all rows have kept */
static void stepBody(int64_t i, const int64_t *a) {
  const int32_t row = POINTER(const int32_t, 1)[i];
  const float *keys = keysOfRow(a, row);
  int32_t next = 3 * (int32_t)POINTER(float, 7)[row] + (int32_t)a[6];
  for (int32_t p = 0; p <= POINTER(const int32_t, 3)[row]; ++p)
    next += (int32_t)keys[p];
  POINTER(float, 7)[row] = (float)(next % 61);
}

/* count, asking, wanted, features, scores */
static void scoreBody(int64_t i, const int64_t *a) {
  const int32_t entry = POINTER(const int32_t, 1)[i];
  POINTER(float, 4)[i] =
      POINTER(const float, 3)[POINTER(const int32_t, 2)[entry]] * (1 / 64.0f);
}

/* count, entries, places among them or null, wanted, features, bias, logits */
static void showBody(int64_t i, const int64_t *a) {
  const int32_t *places = POINTER(const int32_t, 2);
  const int32_t entry = POINTER(const int32_t, 1)[places ? places[i] : i];
  const float feature =
      POINTER(const float, 4)[POINTER(const int32_t, 3)[entry]];
  for (int64_t v = 0; v < VOCABULARY; ++v)
    POINTER(float, 6)[entry * VOCABULARY + v] =
        POINTER(const float, 5)[v] + feature * (float)(v + 1);
}

/* count, entries, places, result */
static void pickBody(int64_t i, const int64_t *a) {
  POINTER(int32_t, 3)[i] =
      POINTER(const int32_t, 1)[POINTER(const int32_t, 2)[i]];
}

#define CONFORMANCE_KERNELS(K)                                                 \
  K(store) K(logits) K(route) K(compute) K(sums) K(begin) K(keep) K(step)      \
  K(score) K(show) K(pick)
