#include "CKernels.h"
#include "Lanes.h"

/// Owen's function from its table; odd in t. `__builtin_elementwise_sqrt` sets no errno, which would keep loops scalar.
static inline __attribute__((always_inline)) float owen(const firetree_cubic *cells, float t) {
#pragma clang fp contract(fast)
  float x = __builtin_fabsf(t) * FIRETREE_OWEN_CELLS;
  // False of a NaN too, which has no cell.
  x = x < FIRETREE_OWEN_CELLS ? x : FIRETREE_OWEN_CELLS;
  int cell = (int)x;
  cell = cell < FIRETREE_OWEN_CELLS - 1 ? cell : FIRETREE_OWEN_CELLS - 1;
  const float f = x - (float)cell;
  const firetree_cubic *c = cells + cell;
  return __builtin_copysignf(c->constant + f * (c->linear + f * (c->square + f * c->cube)), t);
}

CLONES void firetree_limit_angles(const firetree_cubic *cells, const float *gram, const float *inverse_norms,
                                  size_t count, float inverse_norm, float tail, float snap, float *restrict result) {
#pragma clang fp contract(fast)
  for (size_t j = 0; j < count; j++) {
    const float cosine = gram[j] * (inverse_norm * inverse_norms[j]);
    float apart = 1 - cosine, along = 1 + cosine;
    apart = apart > snap ? apart : 0;
    along = along > snap ? along : 0;
    const float t = __builtin_elementwise_sqrt(apart) / (1.41421356f + __builtin_elementwise_sqrt(along));
    result[j] = gram[j] * (tail - 2 * owen(cells, t));
  }
}

CLONES void firetree_limit_triangles(const firetree_cubic *own, const firetree_cubic *others, size_t stride,
                                     const float *gram, const float *squares, const float *tails, size_t count,
                                     float square, float tail, float snap, float *restrict result) {
#pragma clang fp contract(fast)
  for (size_t j = 0; j < count; j++) {
    const float product = gram[j], other = squares[j], both = square + other;
    float side = both - 2 * product, area = square * other - product * product;
    side = side > snap * both ? side : 0;
    area = __builtin_elementwise_sqrt(area > 2 * snap * square * other ? area : 0);
    const float height = side > 0 ? square - product : 0, other_height = side > 0 ? other - product : 0;
    const float length = __builtin_elementwise_sqrt(square * side) + area;
    const float other_length = __builtin_elementwise_sqrt(other * side) + area;
    const float t = height / (length > 0 ? length : 1), u = other_height / (other_length > 0 ? other_length : 1);
    result[j] = product * ((tail + tails[j]) / 2 - owen(own, t) - owen(others + j * stride, u));
  }
}
