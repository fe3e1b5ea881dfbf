#include "CKernels.h"
#include "Lanes.h"

CLONES void firetree_combine_two(const float *matrix, size_t stride, const uint16_t *rows, const float *a,
                                 const float *b, size_t terms, const uint16_t *columns, size_t count, float *first,
                                 float *second) {
#pragma clang fp contract(fast)
  for (size_t q = 0; q < count; q += 4) {
    size_t last = count - 1;
    // Columns beyond the end repeat the last.
    const float *m0 = matrix + columns[q], *m1 = matrix + columns[q + 1 < count ? q + 1 : last];
    const float *m2 = matrix + columns[q + 2 < count ? q + 2 : last];
    const float *m3 = matrix + columns[q + 3 < count ? q + 3 : last];
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0, u0 = 0, u1 = 0, u2 = 0, u3 = 0;
    for (size_t t = 0; t < terms; t++) {
      size_t row = rows[t] * stride;
      float x = a[t], y = b[t];
      float g0 = m0[row], g1 = m1[row], g2 = m2[row], g3 = m3[row];
      s0 += x * g0, s1 += x * g1, s2 += x * g2, s3 += x * g3;
      u0 += y * g0, u1 += y * g1, u2 += y * g2, u3 += y * g3;
      SEPARATE(s0); SEPARATE(s1); SEPARATE(s2); SEPARATE(s3);
      SEPARATE(u0); SEPARATE(u1); SEPARATE(u2); SEPARATE(u3);
    }
    float s[4] = {s0, s1, s2, s3}, u[4] = {u0, u1, u2, u3};
    for (size_t k = 0; k < 4 && q + k < count; k++) first[q + k] = s[k], second[q + k] = u[k];
  }
}

CLONES void firetree_history_products(const float *vector, const float *now, const float *then, size_t stride,
                                      const uint16_t *points, size_t count, float scale, float *result) {
#pragma clang fp contract(fast)
  if (stride == 1) {
    float x = vector[0] * scale;
    for (size_t t = 0; t < count; t++) result[t] = x * (then ? now[points[t]] - then[points[t]] : now[points[t]]);
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
    result[t] = scale * total(&sum);
  }
}

CLONES void firetree_project(const float *now, const float *then, const float *direction, size_t count,
                             double products[2]) {
#pragma clang fp reassociate(on) contract(fast)
  double along = 0, square = 0;
  for (size_t i = 0; i < count; i++) {
    along += (double)(now[i] - then[i]) * (double)direction[i];
    square += (double)direction[i] * (double)direction[i];
  }
  products[0] = along;
  products[1] = square;
}

CLONES void firetree_residuals(const float *now, const float *then, const float *direction, float progress,
                               const float *norms, size_t count, size_t stride, int largest, float *result) {
#pragma clang fp reassociate(on) contract(fast)
  if (stride == 1) {
    for (size_t i = 0; i < count; i++) {
      result[i] = norms[i] * __builtin_fabsf(now[i] - then[i] - progress * direction[i]);
    }
    return;
  }
  for (size_t i = 0; i < count; i++) {
    const float *p = now + i * stride, *q = then + i * stride, *d = direction + i * stride;
    float sum = 0, most = 0;
    for (size_t j = 0; j < stride; j++) {
      float e = __builtin_fabsf(p[j] - q[j] - progress * d[j]);
      sum += e;
      most = e > most ? e : most;
    }
    result[i] = norms[i] * (largest ? most : sum);
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

CLONES size_t firetree_select_expired(const uint16_t *bins, const float *deadlines, const float *reserves,
                                      const float *residues, size_t count, const float *progress,
                                      const float *errors, const float *extra, uint32_t *positions) {
#pragma clang fp contract(fast)
  size_t found = 0;
  for (size_t q = 0; q < count; q++) {
    float error = errors[bins[q]];
    if (residues) error += extra[bins[q] / 16] * residues[q];
    positions[found] = (uint32_t)q;
    // A NaN counts as expired.
    found += !(progress[bins[q] / 16] <= deadlines[q] && error <= reserves[q]);
  }
  return found;
}

CLONES float firetree_shortest_life(const float *values, const float *speeds, const uint16_t *points,
                                    const float *norms, size_t count, float threshold, float error,
                                    float speed_error, float curvature) {
#pragma clang fp reassociate(on) contract(fast)
  float least = __builtin_inff();
  for (size_t q = 0; q < count; q++) {
    float norm = norms[points[q]];
    float distance = values[q] - threshold;
    float margin = __builtin_fabsf(distance) - error * norm;
    margin = margin > 0 ? margin : 0;
    float speed = distance > 0 ? -speeds[q] : speeds[q];
    speed = (speed > 0 ? speed : 0) + speed_error * norm;
    float life = 2 * margin / (speed + __builtin_sqrtf(speed * speed + 4 * curvature * norm * margin) + 1e-30f);
    least = life < least ? life : least;
  }
  return least;
}

CLONES double firetree_tensor_row(const float *gram, const float *weights, const double *values, size_t count,
                                  double x, double *result) {
#pragma clang fp reassociate(on) contract(fast)
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    double t = (double)(gram[i] * weights[i]);
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
      HalfLanes product = *(const HalfLanes *)(blocks + i * width + b) * gram[i];
      DoubleLanes t = __builtin_convertvector(product, DoubleLanes);
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
