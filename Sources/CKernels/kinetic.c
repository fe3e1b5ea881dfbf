#include "CKernels.h"
#include "Lanes.h"

typedef int IntLanes __attribute__((vector_size(64)));

#define QUAD(pointer) (*(const QuarterLanes *)(pointer))

CLONES void firetree_combine_quads(const float *matrix, size_t stride, const uint16_t *rows, const float *quads,
                                   size_t terms, const uint16_t *columns, size_t count, float *result) {
#pragma clang fp contract(fast)
  for (size_t q = 0; q < count; q += 4) {
    size_t last = count - 1;
    // Columns beyond the end repeat the last.
    const float *m0 = matrix + columns[q], *m1 = matrix + columns[q + 1 < count ? q + 1 : last];
    const float *m2 = matrix + columns[q + 2 < count ? q + 2 : last];
    const float *m3 = matrix + columns[q + 3 < count ? q + 3 : last];
    QuarterLanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    for (size_t t = 0; t < terms; t++) {
      size_t row = rows[t] * stride;
      QuarterLanes x = QUAD(quads + 4 * t);
      s0 += x * m0[row];
      s1 += x * m1[row];
      s2 += x * m2[row];
      s3 += x * m3[row];
    }
    QuarterLanes s[4] = {s0, s1, s2, s3};
    for (size_t k = 0; k < 4 && q + k < count; k++) *(QuarterLanes *)(result + 4 * (q + k)) = s[k];
  }
}

CLONES void firetree_combine_quads_symmetric(const float *matrix, size_t stride, const uint16_t *indices,
                                             const float *quads, size_t count, float *result) {
#pragma clang fp contract(fast)
  for (size_t q = 0; q < count; q += 4) {
    size_t width = count - q < 4 ? count - q : 4;
    // Columns beyond the end repeat the last, with quads of zeros.
    const float *m[4];
    QuarterLanes a[4], s[4];
    for (size_t i = 0; i < 4; i++) {
      m[i] = matrix + indices[i < width ? q + i : q + width - 1];
      a[i] = i < width ? QUAD(quads + 4 * (q + i)) : (QuarterLanes){0};
      s[i] = (QuarterLanes){0};
    }
    QuarterLanes a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], s0 = s[0], s1 = s[1], s2 = s[2], s3 = s[3];
    for (size_t t = 0; t < q; t++) {
      size_t row = indices[t] * stride;
      QuarterLanes x = QUAD(quads + 4 * t);
      float g0 = m[0][row], g1 = m[1][row], g2 = m[2][row], g3 = m[3][row];
      s0 += x * g0;
      s1 += x * g1;
      s2 += x * g2;
      s3 += x * g3;
      *(QuarterLanes *)(result + 4 * t) += (a0 * g0 + a1 * g1) + (a2 * g2 + a3 * g3);
    }
    s[0] = s0, s[1] = s1, s[2] = s2, s[3] = s3;
    // The square on the diagonal.
    for (size_t j = 0; j < width; j++) {
      size_t row = indices[q + j] * stride;
      for (size_t i = 0; i < width; i++) s[i] += a[j] * m[i][row];
    }
    for (size_t i = 0; i < width; i++) *(QuarterLanes *)(result + 4 * (q + i)) = s[i];
  }
}

CLONES void firetree_history_products(const float *vector, const float *now, const float *then, size_t stride,
                                      const uint16_t *points, size_t count, float scale, float *result) {
#pragma clang fp contract(fast)
  if (stride == 1) {
    float x = vector[0] * scale;
    for (size_t t = 0; t < count; t++) {
      result[4 * t] = x * (then ? now[points[t]] - then[points[t]] : now[points[t]]);
    }
    return;
  }
  for (size_t t = 0; t < count; t++) {
    const float *p = now + points[t] * stride, *q = then ? then + points[t] * stride : 0;
    Lanes sum = {0};
    for (size_t j = 0; j < stride; j += 16) {
      Lanes difference = AT(p + j);
      if (q) difference -= AT(q + j);
      sum += AT(vector + j) * difference;
    }
    result[4 * t] = scale * total(&sum);
  }
}

CLONES float firetree_magnitude_products(const float *vector, const float *matrix, size_t stride,
                                         const uint16_t *points, size_t count) {
#pragma clang fp contract(fast)
  float magnitude = 0;
  if (stride == 1) {
    for (size_t t = 0; t < count; t++) magnitude += __builtin_fabsf(matrix[points[t]]);
    return magnitude * __builtin_fabsf(vector[0]);
  }
  for (size_t t = 0; t < count; t++) {
    Lanes sum = {0};
    for (size_t j = 0; j < stride; j += 16) sum += AT(vector + j) * AT(matrix + points[t] * stride + j);
    magnitude += __builtin_fabsf(total(&sum));
  }
  return magnitude;
}

CLONES void firetree_residuals(const float *now, const float *then, const float *direction, const float *change,
                               float p, float q, float scale, const float *norms, size_t count, size_t stride,
                               int largest, float *residuals, float *sizes) {
#pragma clang fp reassociate(on) contract(fast)
  if (stride == 1) {
    for (size_t i = 0; i < count; i++) {
      float e = scale * norms[i] * (now[i] - then[i] - p * direction[i] - q * change[i]);
      residuals[i] = e;
      sizes[i] = __builtin_fabsf(e);
    }
    return;
  }
  for (size_t i = 0; i < count; i++) {
    float factor = scale * norms[i], sum = 0, most = 0;
    for (size_t j = i * stride; j < (i + 1) * stride; j++) {
      float e = factor * (now[j] - then[j] - p * direction[j] - q * change[j]);
      float size = __builtin_fabsf(e);
      residuals[j] = e;
      sum += size;
      most = size > most ? size : most;
    }
    sizes[i] = largest ? most : sum;
  }
}

CLONES void firetree_excess_sums(const float *values, size_t count, const float *cuts, size_t cut_count,
                                 float *sums) {
#pragma clang fp reassociate(on) contract(fast)
  for (size_t k = 0; k < cut_count; k++) {
    float cut = cuts[k], sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i] > cut ? values[i] - cut : 0;
    sums[k] = sum;
  }
}

CLONES size_t firetree_select_expired(const uint16_t *bins, const uint8_t *deadlines, const float *reserves,
                                      size_t count, const uint8_t *ages, const float *errors, uint32_t *positions) {
  size_t found = 0;
  for (size_t q = 0; q < count; q++) {
    positions[found] = (uint32_t)q;
    // An error that is no number counts as too large.
    uint16_t bin = bins[q] & 0x7fff;
    found += (ages[bin / 16] > deadlines[q]) | !(errors[bin] <= reserves[q]) | (bins[q] >> 15);
  }
  return found;
}

/// Times, and the same one earlier.
typedef struct {
  Lanes p, q, carry, earlier_p, earlier_q, earlier_carry;
} Times;

static inline __attribute__((always_inline)) void load_times(Times *t, const float *times) {
  float earlier[48] __attribute__((aligned(64)));
  for (size_t row = 0; row < 3; row++) {
    for (size_t k = 0; k < 16; k++) earlier[16 * row + k] = k > 0 ? times[16 * row + k - 1] : 0;
  }
  t->p = AT(times), t->q = AT(times + 16), t->carry = AT(times + 32);
  t->earlier_p = AT(earlier), t->earlier_q = AT(earlier + 16), t->earlier_carry = AT(earlier + 32);
}

/// The margin of one candidate at all times.
static inline __attribute__((always_inline)) void margin_of(Lanes *margin, const float *quad, float inverse,
                                                            float threshold, const Times *t) {
#pragma clang fp contract(fast)
  QuarterLanes x = QUAD(quad);
  float distance = x[0] - threshold;
  float toward = distance > 0 ? -inverse : inverse;
  float u = x[1] * toward, v = x[2] * toward, w = x[3] * toward;
  Lanes a = t->p * u + t->q * v, b = t->earlier_p * u + t->earlier_q * v;
  Lanes c = t->carry * w, d = t->earlier_carry * w;
  *margin = __builtin_fabsf(distance) * inverse - (__builtin_elementwise_max(a, b) + __builtin_elementwise_max(c, d));
}

CLONES void firetree_future_margins(const float *quads, const uint16_t *points, const float *inverse_norms,
                                    size_t count, float threshold, const float *times, float *margins) {
  Times t;
  load_times(&t, times);
  Lanes least = *(const Lanes *)margins, margin;
  for (size_t q = 0; q < count; q++) {
    margin_of(&margin, quads + 4 * q, inverse_norms[points[q]], threshold, &t);
    least = __builtin_elementwise_min(least, margin);
  }
  *(Lanes *)margins = least;
}

CLONES void firetree_future_lives(const float *quads, const uint16_t *points, const float *inverse_norms,
                                  size_t count, float threshold, const float *times, const float *floors,
                                  uint8_t *lives) {
  Times t;
  load_times(&t, times);
  Lanes lowest = *(const Lanes *)floors, margin;
  const IntLanes places = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (size_t q = 0; q < count; q++) {
    margin_of(&margin, quads + 4 * q, inverse_norms[points[q]], threshold, &t);
    // Comparisons are -1 where true: there the place is out of reach.
    int life = __builtin_reduce_min(places + (16 & (IntLanes)(margin > lowest)));
    lives[q] = (uint8_t)(life < 16 ? life : 16);
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

CLONES void firetree_tensor_blocks(const float *gram, const float *blocks, const double *values, size_t count,
                                   size_t width, const double *x, double *own, double *others) {
#pragma clang fp contract(fast)
  for (size_t b = 0; b < width; b += 8) {
    DoubleLanes x1 = *(const DoubleLanes *)(x + b), x2 = *(const DoubleLanes *)(x + width + b);
    DoubleLanes s1 = {0}, s2 = {0};
    for (size_t i = 0; i < count; i++) {
      HalfLanes block = *(const HalfLanes *)(blocks + i * width + b);
      DoubleLanes t = __builtin_convertvector(block, DoubleLanes) * (double)gram[i];
      const double *v = values + i * 2 * width + b;
      double *o = others + i * 2 * width + b;
      s1 += t * *(const DoubleLanes *)v;
      s2 += t * *(const DoubleLanes *)(v + width);
      *(DoubleLanes *)o += t * x1;
      *(DoubleLanes *)(o + width) += t * x2;
    }
    *(DoubleLanes *)(own + b) += s1;
    *(DoubleLanes *)(own + width + b) += s2;
  }
}
