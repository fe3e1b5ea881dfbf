#include "CKernels.h"
#include "Lanes.h"

CLONES void firetree_multiply_rows(const float *matrix, size_t stride, const uint16_t *rows, size_t count,
                                   const uint16_t *columns, const float *coefficients, size_t terms,
                                   float *result) {
  for (size_t q = 0; q < count; q += 4) {
    // Rows beyond the end repeat the last.
    const float *four[4];
    for (size_t k = 0; k < 4; k++) four[k] = matrix + rows[q + k < count ? q + k : count - 1] * stride;
    float products[4];
    multiply_four_rows(four, columns, coefficients, terms, products);
    for (size_t k = 0; k < 4 && q + k < count; k++) result[q + k] = products[k];
  }
}

CLONES void firetree_short_products(const float *vector, const float *matrix, size_t stride, size_t columns,
                                    const uint16_t *rows, size_t count, float scale, float *result) {
#pragma clang fp contract(fast)
  if (stride == 1) {
    float x = vector[0] * scale;
    for (size_t t = 0; t < count; t++) result[t] = x * matrix[rows[t]];
    return;
  }
  Lanes v = AT(vector) * scale;
  for (size_t t = 0; t < count; t++) {
    const float *row = matrix + rows[t] * stride;
    Lanes sum = v * AT(row);
    for (size_t j = 16; j < columns; j += 16) sum += AT(vector + j) * scale * AT(row + j);
    result[t] = total(&sum);
  }
}

CLONES size_t firetree_add_excess(double *sums, size_t stride, size_t columns, const float *weights,
                                  const uint16_t *points, const float *values, size_t count, float threshold) {
  size_t found = 0;
  for (size_t q = 0; q < count; q++) {
    float excess = values[q] - threshold;
    if (!(excess > 0)) continue;
    found++;
    double *row = sums + points[q] * stride;
    if (stride % 8 == 0) {
      for (size_t j = 0; j < stride; j += 8) {
        HalfLanes product = *(const HalfLanes *)(weights + j) * excess;
        DoubleLanes *target = (DoubleLanes *)(row + j);
        *target += __builtin_convertvector(product, DoubleLanes);
      }
    } else {
      for (size_t j = 0; j < columns; j++) row[j] += (double)(weights[j] * excess);
    }
  }
  return found;
}

CLONES size_t firetree_select_uncertain(const float *ceilings, const uint16_t *points, const float *norms,
                                        size_t count, float reach, float largest_norm, float threshold,
                                        uint16_t *positions) {
  size_t found = 0;
  float farthest = reach * largest_norm;
  for (size_t q = 0; q < count; q += 16) {
    size_t end = q + 16 < count ? q + 16 : count;
    // Most groups of sixteen hold none, whatever the norms.
    int any = 0;
    for (size_t k = q; k < end; k++) any |= ceilings[k] + farthest > threshold;
    if (!any) continue;
    for (size_t k = q; k < end; k++) {
      positions[found] = (uint16_t)k;
      found += ceilings[k] + reach * norms[points[k]] > threshold;
    }
  }
  return found;
}

CLONES float firetree_step_coefficients(const float *current, const float *gradients, size_t count,
                                        float threshold, float rate, float *steps, float *alpha) {
#pragma clang fp reassociate(on) contract(fast)
  float magnitude = 0;
  for (size_t k = 0; k < count; k++) {
    float step = current[k] > threshold ? -rate * gradients[k] : 0;
    magnitude += __builtin_fabsf(step);
    steps[k] = step;
    alpha[k] += step;
  }
  return magnitude;
}

CLONES void firetree_advance_current(float *current, const float *anchored, const float *changes,
                                     const float *steps, const float *alpha, size_t count, float squares[2]) {
#pragma clang fp reassociate(on) contract(fast)
  float step = 0, drift = 0;
  for (size_t k = 0; k < count; k++) {
    float updated = anchored[k] + changes[k];
    step += steps[k] * (updated - current[k]);
    drift += alpha[k] * changes[k];
    current[k] = updated;
  }
  squares[0] += step;
  squares[1] += drift;
}

CLONES void firetree_combine_symmetric(const float *matrix, size_t stride, const uint16_t *indices,
                                       const float *coefficients, size_t count, float *result) {
#pragma clang fp contract(fast)
  for (size_t q = 0; q < count; q += 8) {
    size_t width = count - q < 8 ? count - q : 8;
    // Columns beyond the end repeat the last with a coefficient of 0.
    const float *m[8];
    float a[8], s[8] = {0};
    for (size_t i = 0; i < 8; i++) {
      m[i] = matrix + indices[i < width ? q + i : q + width - 1];
      a[i] = i < width ? coefficients[q + i] : 0;
    }
    float a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4], a5 = a[5], a6 = a[6], a7 = a[7];
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
    for (size_t t = 0; t < q; t++) {
      size_t row = indices[t] * stride;
      float x = coefficients[t];
      float g0 = m[0][row], g1 = m[1][row], g2 = m[2][row], g3 = m[3][row];
      float g4 = m[4][row], g5 = m[5][row], g6 = m[6][row], g7 = m[7][row];
      s0 += x * g0;
      s1 += x * g1;
      s2 += x * g2;
      s3 += x * g3;
      s4 += x * g4;
      s5 += x * g5;
      s6 += x * g6;
      s7 += x * g7;
      SEPARATE(s0); SEPARATE(s1); SEPARATE(s2); SEPARATE(s3);
      SEPARATE(s4); SEPARATE(s5); SEPARATE(s6); SEPARATE(s7);
      result[t] += ((a0 * g0 + a1 * g1) + (a2 * g2 + a3 * g3)) + ((a4 * g4 + a5 * g5) + (a6 * g6 + a7 * g7));
    }
    s[0] = s0, s[1] = s1, s[2] = s2, s[3] = s3, s[4] = s4, s[5] = s5, s[6] = s6, s[7] = s7;
    // The square on the diagonal.
    for (size_t j = 0; j < width; j++) {
      size_t row = indices[q + j] * stride;
      for (size_t i = 0; i < width; i++) s[i] += a[j] * m[i][row];
    }
    for (size_t i = 0; i < width; i++) result[q + i] = s[i];
  }
}

CLONES void firetree_add_rows(float *vector, const float *matrix, size_t stride, size_t columns,
                              const uint32_t *rows, const float *coefficients, size_t terms) {
#pragma clang fp contract(fast)
  size_t t = 0;
  // Four rows at a time, so that the vector is read and written once for them.
  for (; t + 4 <= terms; t += 4) {
    const float *a = matrix + rows[t] * stride, *b = matrix + rows[t + 1] * stride;
    const float *c = matrix + rows[t + 2] * stride, *d = matrix + rows[t + 3] * stride;
    float x = coefficients[t], y = coefficients[t + 1], z = coefficients[t + 2], w = coefficients[t + 3];
    for (size_t j = 0; j < columns; j += 16) {
      Lanes *target = (Lanes *)(vector + j);
      *target += (x * AT(a + j) + y * AT(b + j)) + (z * AT(c + j) + w * AT(d + j));
    }
  }
  for (; t < terms; t++) {
    const float *a = matrix + rows[t] * stride;
    for (size_t j = 0; j < columns; j += 16) *(Lanes *)(vector + j) += coefficients[t] * AT(a + j);
  }
}

CLONES void firetree_dot_rows(const float *vector, const float *matrix, size_t stride, size_t columns,
                              const uint32_t *rows, size_t count, float *result) {
#pragma clang fp contract(fast)
  size_t t = 0;
  for (; t + 4 <= count; t += 4) {
    const float *a = matrix + rows[t] * stride, *b = matrix + rows[t + 1] * stride;
    const float *c = matrix + rows[t + 2] * stride, *d = matrix + rows[t + 3] * stride;
    Lanes x = {0}, y = {0}, z = {0}, w = {0};
    for (size_t j = 0; j < columns; j += 16) {
      Lanes v = AT(vector + j);
      x += v * AT(a + j);
      y += v * AT(b + j);
      z += v * AT(c + j);
      w += v * AT(d + j);
    }
    result[t] = total(&x), result[t + 1] = total(&y), result[t + 2] = total(&z), result[t + 3] = total(&w);
  }
  for (; t < count; t++) {
    const float *a = matrix + rows[t] * stride;
    Lanes x = {0}, y = {0};
    size_t j = 0;
    for (; j + 32 <= columns; j += 32) {
      x += AT(vector + j) * AT(a + j);
      y += AT(vector + j + 16) * AT(a + j + 16);
    }
    for (; j < columns; j += 16) x += AT(vector + j) * AT(a + j);
    x += y;
    result[t] = total(&x);
  }
}
