#include "CKernels.h"
#include "Lanes.h"

CLONES float firetree_sum_coefficients(const float *alpha, const float *shares, size_t firing, size_t support,
                                       float *coefficients) {
#pragma clang fp reassociate(on) contract(fast)
  float magnitude = 0;
  for (size_t k = 0; k < firing; k++) {
    coefficients[k] = alpha[k] + shares[k];
    magnitude += __builtin_fabsf(alpha[k]) + __builtin_fabsf(shares[k]);
  }
  for (size_t k = firing; k < support; k++) {
    coefficients[k] = alpha[k];
    magnitude += __builtin_fabsf(alpha[k]);
  }
  return magnitude;
}

/// The largest float that does not exceed a number, which is not negative.
static inline __attribute__((always_inline)) float float_below(double x) {
  float near = (float)x;
  uint32_t word;
  memcpy(&word, &near, sizeof word);
  word -= (double)near > x;
  memcpy(&near, &word, sizeof word);
  return near;
}

/// Stores, ascending, the positions of limits that do not exceed the path; `least` becomes the least of the others.
static inline __attribute__((always_inline)) size_t select_due(const float *limits, size_t count, float path,
                                                               uint16_t *positions, float *least) {
  size_t found = 0;
  const HalfMask never = (HalfMask)((LooseLanes){0} + __builtin_inff());
  LooseLanes lowest = (LooseLanes)never;
  for (size_t base = 0; base < count; base += 64) {
    size_t end = count - base < 64 ? count - base : 64;
    uint64_t due = 0;
    for (size_t q = 0; q < end; q += 8) {
      LooseLanes limit;
      if (end - q < 8) {
        // What is no number is neither due nor least.
        limit = (LooseLanes){0} + __builtin_nanf("");
        memcpy(&limit, limits + base + q, (end - q) * sizeof(float));
      } else {
        limit = *(const LooseLanes *)(limits + base + q);
      }
      HalfMask is_due = limit <= path;
      lowest = __builtin_elementwise_min(lowest, (LooseLanes)((is_due & never) | (~is_due & (HalfMask)limit)));
      due |= bits(&is_due) << q;
    }
    for (; due; due &= due - 1) positions[found++] = (uint16_t)(base + (size_t)__builtin_ctzll(due));
  }
  float smallest = lowest[0];
  for (size_t k = 1; k < 8; k++) smallest = lowest[k] < smallest ? lowest[k] : smallest;
  *least = smallest;
  return found;
}

typedef double FourDoubles __attribute__((vector_size(32)));
typedef long long FourWords __attribute__((vector_size(32)));
typedef int32_t QuarterMask __attribute__((vector_size(16)));

/// Products of four rows with two sparse vectors of the same columns.
static inline __attribute__((always_inline)) void multiply_by_two(const float *const rows[4], const uint16_t *columns,
                                                                  const float *first, const float *second,
                                                                  size_t terms, QuarterLanes *products,
                                                                  QuarterLanes *others) {
#pragma clang fp contract(fast)
  const float *m0 = rows[0], *m1 = rows[1], *m2 = rows[2], *m3 = rows[3];
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0, r0 = 0, r1 = 0, r2 = 0, r3 = 0;
  for (size_t t = 0; t < terms; t++) {
    size_t c = columns[t];
    float x = first[t], y = second[t];
    s0 += x * m0[c], r0 += y * m0[c];
    s1 += x * m1[c], r1 += y * m1[c];
    s2 += x * m2[c], r2 += y * m2[c];
    s3 += x * m3[c], r3 += y * m3[c];
    SEPARATE(s0); SEPARATE(s1); SEPARATE(s2); SEPARATE(s3);
    SEPARATE(r0); SEPARATE(r1); SEPARATE(r2); SEPARATE(r3);
  }
  *products = (QuarterLanes){s0, s1, s2, s3};
  *others = (QuarterLanes){r0, r1, r2, r3};
}

CLONES firetree_choice firetree_choose_due(const float *limits, size_t count, double path, float ahead, size_t enough,
                                           uint16_t *positions) {
  firetree_choice choice;
  choice.count = select_due(limits, count, float_below(path + (double)ahead), positions, &choice.least);
  if (choice.count > enough && ahead > 0) {
    // Limits are spread evenly, roughly.
    double share = (double)ahead * (double)enough / (double)choice.count;
    choice.count = select_due(limits, count, float_below(path + share), positions, &choice.least);
  }
  return choice;
}

CLONES firetree_look firetree_compute_due(const firetree_pairs *pairs, const firetree_heading *heading,
                                          const firetree_list *list, firetree_choice choice,
                                          const uint16_t *positions, size_t firing, const float *coefficients,
                                          size_t terms, double path, float error, float *values, float *speeds) {
#pragma clang fp contract(fast)
  const uint16_t *points = list->points;
  const float *anchored = list->anchored, *reaches = list->reaches;
  float *limits = list->limits;
  const size_t found = choice.count;
  firetree_look look = {choice.least, 0, 0};
  const QuarterLanes threshold = (QuarterLanes){0} + pairs->threshold, zero = {0};
  const QuarterMask never = (QuarterMask)(zero - __builtin_inff()), sign = (QuarterMask){0} + INT32_MIN;
  QuarterMask changed = {0};
  QuarterLanes lowest = zero + look.least;
  const QuarterLanes length = zero + heading->length;
  const float *headed = heading->coefficients;
  QuarterLanes pace = zero + (float)((double)heading->length / ((double)look.least - path));
  for (size_t q = 0; q < found; q += 4) {
    // Candidates beyond the end repeat the last.
    size_t at[4];
    const float *m[4];
    for (size_t k = 0; k < 4; k++) {
      at[k] = positions[q + k < found ? q + k : found - 1];
      m[k] = pairs->gram + points[at[k]] * pairs->stride;
    }
    QuarterLanes s, speed = zero, reach, norm;
    if (headed) {
      multiply_by_two(m, points, coefficients, headed, terms, &s, &speed);
    } else {
      float products[4];
      multiply_four_rows(m, points, coefficients, terms, products);
      s = (QuarterLanes){products[0], products[1], products[2], products[3]};
    }
    QuarterLanes anchors;
    QuarterMask fires;
    for (size_t k = 0; k < 4; k++) {
      anchors[k] = anchored[at[k]], reach[k] = reaches[at[k]], norm[k] = pairs->norms[points[at[k]]];
      fires[k] = at[k] < firing ? -1 : 0;
    }
    s += anchors;
    changed |= (QuarterMask)(s > threshold) ^ fires;
    QuarterLanes away = __builtin_elementwise_abs(s - threshold), rounding = error * norm + pairs->rounding;
    QuarterLanes distance = __builtin_elementwise_max(
        away - rounding, __builtin_elementwise_min(rounding, (QuarterLanes)(zero + pairs->tie)));
    QuarterLanes room = distance / reach;
    FourDoubles exact = __builtin_convertvector(room, FourDoubles) * (1 - 1e-6) + path;
    QuarterLanes limit = __builtin_convertvector(exact, QuarterLanes);
    // The float below, where that was rounded up: it is positive.
    QuarterMask above = __builtin_convertvector(
        (FourWords)(__builtin_convertvector(limit, FourDoubles) > exact), QuarterMask);
    QuarterMask known = distance > 0;
    limit = (QuarterLanes)((((QuarterMask)limit + above) & known) | (never & ~known));
    lowest = __builtin_elementwise_min(lowest, limit);
    // Those that fire approach the threshold from above.
    QuarterLanes approach = length;
    if (headed) {
      QuarterLanes towards = (QuarterLanes)((QuarterMask)speed ^ (fires & sign));
      approach = __builtin_elementwise_max(towards, zero) / reach + heading->margin;
    }
    pace = __builtin_elementwise_max(pace, approach / room);
    *(QuarterLooseLanes *)(values + q) = s;
    *(QuarterLooseLanes *)(speeds + q) = speed;
    for (size_t k = 0; k < 4; k++) limits[at[k]] = limit[k];
  }
  look.least = __builtin_reduce_min(lowest);
  look.pace = __builtin_reduce_max(pace);
  look.changed = __builtin_reduce_or(changed) != 0;
  return look;
}

/// The least of some limits.
static inline __attribute__((always_inline)) float least_of(const float *limits, size_t count) {
  LooseLanes lowest = (LooseLanes){0} + __builtin_inff();
  size_t k = 0;
  for (; k + 8 <= count; k += 8) lowest = __builtin_elementwise_min(lowest, *(const LooseLanes *)(limits + k));
  float least = __builtin_reduce_min(lowest);
  for (; k < count; k++) least = limits[k] < least ? limits[k] : least;
  return least;
}

CLONES float firetree_find_pace(const firetree_pairs *pairs, const firetree_heading *heading,
                                const firetree_list *list, size_t count, const uint16_t *positions, size_t computed,
                                size_t firing, const uint16_t *turned, const float *turns, size_t turn_count,
                                double path, float *speeds) {
#pragma clang fp contract(fast)
  float pace = 0;
  for (size_t q = 0; q < computed; q++) {
    const size_t k = positions[q];
    const float *row = pairs->gram + list->points[k] * pairs->stride;
    float speed = speeds[q];
    for (size_t t = 0; t < turn_count; t++) speed += turns[t] * row[turned[t]];
    const float towards = k < firing ? -speed : speed, limit = list->limits[k];
    const float approach = (towards > 0 ? towards : 0) / list->reaches[k] + heading->margin;
    const float share = approach / (float)((double)limit - path);
    pace = share > pace ? share : pace;
    // It is not one of the others, for now.
    speeds[q] = limit, list->limits[k] = __builtin_inff();
  }
  const float share = heading->length / (float)((double)least_of(list->limits, count) - path);
  for (size_t q = computed; q-- > 0;) list->limits[positions[q]] = speeds[q];
  return share > pace ? share : pace;
}

/// The sums of eight points; those from `count` on repeat the last.
static inline __attribute__((always_inline)) void gather_sums(const float *sums, const uint16_t *points, size_t count,
                                                              LooseLanes *result) {
  size_t at[8];
  for (size_t k = 0; k < 8; k++) at[k] = points[k < count ? k : count - 1];
  *result = (LooseLanes){sums[at[0]], sums[at[1]], sums[at[2]], sums[at[3]],
                         sums[at[4]], sums[at[5]], sums[at[6]], sums[at[7]]};
}

CLONES float firetree_settle(const float *sums, float weight, const uint16_t *points, const float *alpha,
                             size_t firing, size_t support, float *shares, float *coefficients) {
  const LooseLanes zero = {0};
  LooseLanes magnitude = zero;
  // Never through memory in between: what is written in other pieces than it is read in has to wait.
  for (size_t k = 0; k < support; k += 8) {
    LooseLanes share = zero;
    if (k < firing) {
      const size_t left = firing - k;
      gather_sums(sums, points + k, left, &share);
      const HalfMask fires = (HalfMask){0, 1, 2, 3, 4, 5, 6, 7} < (int)(left < 8 ? left : 8);
      share = (LooseLanes)((HalfMask)(share * weight) & fires);
    }
    const LooseLanes x = *(const LooseLanes *)(alpha + k);
    *(LooseLanes *)(shares + k) = share;
    *(LooseLanes *)(coefficients + k) = x + share;
    magnitude += __builtin_elementwise_abs(x) + __builtin_elementwise_abs(share);
  }
  return sum_floats(&magnitude);
}

CLONES void firetree_square_sums(const float *matrix, size_t stride, const uint16_t *rows, size_t terms,
                                 const uint16_t *columns, size_t count, float *result) {
#pragma clang fp contract(fast)
  for (size_t q = 0; q < count; q += 4) {
    size_t last = count - 1;
    // Columns beyond the end repeat the last.
    const float *m0 = matrix + columns[q], *m1 = matrix + columns[q + 1 < count ? q + 1 : last];
    const float *m2 = matrix + columns[q + 2 < count ? q + 2 : last];
    const float *m3 = matrix + columns[q + 3 < count ? q + 3 : last];
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (size_t t = 0; t < terms; t++) {
      size_t row = rows[t] * stride;
      s0 += m0[row] * m0[row];
      s1 += m1[row] * m1[row];
      s2 += m2[row] * m2[row];
      s3 += m3[row] * m3[row];
      SEPARATE(s0); SEPARATE(s1); SEPARATE(s2); SEPARATE(s3);
    }
    float s[4] = {s0, s1, s2, s3};
    for (size_t k = 0; k < 4 && q + k < count; k++) result[q + k] = s[k];
  }
}

CLONES float firetree_widen_reaches(const float *row, const uint16_t *points, size_t count, float path,
                                    float *reaches, float *limits) {
  float least = __builtin_inff();
  for (size_t q = 0; q < count; q++) {
    float entry = row[points[q]], before = reaches[q], limit = limits[q];
    float reach = __builtin_sqrtf(before * before + entry * entry) * (1 + 0x1p-21f);
    // What is left is as far as before; three roundings, and those of the limit.
    if (limit > path) limit = path + (limit - path) * (before / reach) - __builtin_fabsf(limit) * 0x1p-21f;
    reaches[q] = reach;
    limits[q] = limit;
    least = limit < least ? limit : least;
  }
  return least;
}
