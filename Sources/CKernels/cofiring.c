#include "CKernels.h"
#include "Lanes.h"

CLONES void firetree_count_pairs(float *tensor, const size_t *row_starts, size_t first_row, size_t row_count,
                                 size_t point, const uint16_t *others, size_t count, float unit) {
  // Where each pair belongs is not foreseeable: a branch would be mistaken half the time.
  float elsewhere = 0;
  for (size_t k = 0; k < count; k++) {
    size_t other = others[k];
    size_t high = other > point ? other : point, low = other > point ? point : other;
    float *target = high - first_row < row_count ? tensor + row_starts[high] + low : &elsewhere;
    *target += unit;
  }
}

CLONES double firetree_tensor_row(const float *gram, const float *weights, const double *values, size_t count,
                                  double x, double *result) {
#pragma clang fp reassociate(on) contract(fast)
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    double t = (double)gram[i] * (double)weights[i];
    sum += t * values[i];
    result[i] += t * x;
  }
  return sum;
}

/// Eight numbers of 16 bits, anywhere.
typedef int16_t ShortLanes __attribute__((vector_size(16), aligned(2)));

/// The product with blocks whose eight numbers are `Eight`.
#define ADD_BLOCKS(Eight)                                                                        \
  for (size_t b = 0; b < width; b += 8) {                                                        \
    DoubleLanes x1 = *(const DoubleLanes *)(x + b), x2 = *(const DoubleLanes *)(x + width + b);  \
    DoubleLanes s1 = {0}, s2 = {0};                                                              \
    for (size_t i = 0; i < count; i++) {                                                         \
      Eight block = *(const Eight *)(blocks + i * stride + b);                                   \
      DoubleLanes t = __builtin_convertvector(block, DoubleLanes) * (double)gram[i];             \
      const double *v = values + i * 2 * width + b;                                              \
      double *o = others + i * 2 * width + b;                                                    \
      s1 += t * *(const DoubleLanes *)v;                                                         \
      s2 += t * *(const DoubleLanes *)(v + width);                                               \
      *(DoubleLanes *)o += t * x1;                                                               \
      *(DoubleLanes *)(o + width) += t * x2;                                                     \
    }                                                                                            \
    *(DoubleLanes *)(own + b) += s1;                                                             \
    *(DoubleLanes *)(own + width + b) += s2;                                                     \
  }

CLONES void firetree_tensor_blocks(const float *gram, const float *blocks, size_t stride, const double *values,
                                   size_t count, size_t width, const double *x, double *own, double *others) {
#pragma clang fp contract(fast)
  ADD_BLOCKS(HalfLanes)
}

CLONES void firetree_tensor_short_blocks(const float *gram, const int16_t *blocks, size_t stride,
                                         const double *values, size_t count, size_t width, const double *x,
                                         double *own, double *others) {
#pragma clang fp contract(fast)
  ADD_BLOCKS(ShortLanes)
}
