#include <string.h>

#include "CKernels.h"
#include "Lanes.h"

/// Eight floats anywhere, and what comparing them gives.
typedef float LooseLanes __attribute__((vector_size(32), aligned(4)));
typedef int HalfMask __attribute__((vector_size(32)));
typedef float QuarterLooseLanes __attribute__((vector_size(16), aligned(4)));
typedef uint32_t HalfWords __attribute__((vector_size(32), aligned(4)));

/// Adds up the lanes.
static inline __attribute__((always_inline)) uint32_t sum_words(const HalfWords *lanes) {
  uint32_t sum = 0;
  for (size_t k = 0; k < 8; k++) sum += (*lanes)[k];
  return sum;
}

static inline __attribute__((always_inline)) float sum_floats(const LooseLanes *lanes) {
  LooseLanes x = *lanes;
  QuarterLooseLanes q = __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
  return (q[0] + q[2]) + (q[1] + q[3]);
}

/// Eight bits of a mask, from the first lane.
static inline __attribute__((always_inline)) uint64_t bits(const HalfMask *mask) {
  typedef _Bool Truths __attribute__((ext_vector_type(8)));
  Truths truths = __builtin_convertvector(*mask, Truths);
  uint8_t result;
  memcpy(&result, &truths, 1);
  return result;
}

/// What eight countdowns say, of which `block` holds the records.
typedef struct {
  LooseLanes slack, taken;
  HalfWords moment, firing;
} Countdowns;

static inline __attribute__((always_inline)) Countdowns countdowns_of(const uint32_t *block) {
  HalfWords x = *(const HalfWords *)block, y = *(const HalfWords *)(block + 8), z = *(const HalfWords *)(block + 16);
  HalfWords w0 = __builtin_shufflevector(x, y, 0, 3, 6, 9, 12, 15, -1, -1);
  HalfWords w1 = __builtin_shufflevector(x, y, 1, 4, 7, 10, 13, -1, -1, -1);
  HalfWords w2 = __builtin_shufflevector(x, y, 2, 5, 8, 11, 14, -1, -1, -1);
  w2 = __builtin_shufflevector(w2, z, 0, 1, 2, 3, 4, 9, 12, 15);
  return (Countdowns){(LooseLanes)__builtin_shufflevector(w0, z, 0, 1, 2, 3, 4, 5, 10, 13),
                      (LooseLanes)__builtin_shufflevector(w1, z, 0, 1, 2, 3, 4, 8, 11, 14), w2 & 0xFFFFu, w2 >> 16};
}

/// The bounds at eight places.
static inline __attribute__((always_inline)) void gather_bounds(const firetree_bound *bounds, const HalfWords *places,
                                                                LooseLanes *excess, LooseLanes *multiples) {
  typedef float Pair __attribute__((vector_size(8), aligned(4)));
  Pair p[8];
  for (size_t k = 0; k < 8; k++) p[k] = *(const Pair *)(bounds + (*places)[k]);
  // In the order in which halves are interleaved.
  QuarterLooseLanes p01 = __builtin_shufflevector(p[0], p[1], 0, 1, 2, 3);
  QuarterLooseLanes p23 = __builtin_shufflevector(p[2], p[3], 0, 1, 2, 3);
  QuarterLooseLanes p45 = __builtin_shufflevector(p[4], p[5], 0, 1, 2, 3);
  QuarterLooseLanes p67 = __builtin_shufflevector(p[6], p[7], 0, 1, 2, 3);
  LooseLanes even = __builtin_shufflevector(p01, p45, 0, 1, 2, 3, 4, 5, 6, 7);
  LooseLanes odd = __builtin_shufflevector(p23, p67, 0, 1, 2, 3, 4, 5, 6, 7);
  *excess = __builtin_shufflevector(even, odd, 0, 2, 8, 10, 4, 6, 12, 14);
  *multiples = __builtin_shufflevector(even, odd, 1, 3, 9, 11, 5, 7, 13, 15);
}

CLONES size_t firetree_select_late(const firetree_clock *clock, void *countdowns, size_t count, int32_t *positions,
                                   size_t *moving) {
  const uint32_t classes = (uint32_t)clock->classes, now = clock->now & 0xFFFFu;
  const LooseLanes scale = (LooseLanes){0} + clock->scale, ease = (LooseLanes){0} + clock->ease;
  const HalfMask eases = (HalfMask){0} - (clock->growth != NULL);
  uint32_t *records = countdowns, rest[24];
  float left[64];
  size_t found = 0;
  HalfWords moved = {0};
  for (size_t base = 0; base < count; base += 64) {
    const size_t end = count - base < 64 ? count - base : 64;
    uint64_t late = 0, set = 0;
    for (size_t q = 0; q < end; q += 8) {
      const uint32_t *block = records + 3 * (base + q);
      if (end - q < 8) {
        // The others are countdowns of an infinity that were set just now.
        for (size_t k = 0; k < 8; k++) rest[3 * k] = 0x7F800000u, rest[3 * k + 1] = 0, rest[3 * k + 2] = now;
        memcpy(rest, block, 12 * (end - q));
        block = rest;
      }
      const Countdowns old = countdowns_of(block);
      HalfWords age = __builtin_elementwise_min((now - old.moment) & 0xFFFFu, (HalfWords){0} + clock->oldest);
      HalfWords place = age * classes + __builtin_elementwise_min(old.firing, (HalfWords){0} + (classes - 1));
      LooseLanes excess, multiple;
      gather_bounds(clock->bounds, &place, &excess, &multiple);
      LooseLanes factor = __builtin_convertvector((HalfMask)old.firing, LooseLanes) * clock->rounding + clock->factor;
      LooseLanes doubt = scale * excess * factor;
      LooseLanes path = multiple * old.taken * factor + doubt;
      HalfMask stands = path < old.slack;
      HalfMask is_old = age + 1 >= clock->oldest;
      HalfMask anew = eases & stands & is_old & (doubt * ease <= old.slack - path) & (path * 2 <= old.slack);
      stands &= anew | ~is_old;
      // Rounded down by more than the subtraction may have rounded up.
      *(LooseLanes *)(left + q) = (old.slack - path) * (1 - 0x1p-20f);
      moved += (HalfWords)(old.firing != 0) & 1;
      late |= (~bits(&stands) & 0xFF) << q, set |= bits(&anew) << q;
    }
    if (end < 64) late &= ((uint64_t)1 << end) - 1, set &= ((uint64_t)1 << end) - 1;
    for (; set; set &= set - 1) {
      size_t k = (size_t)__builtin_ctzll(set);
      uint32_t *record = records + 3 * (base + k), firing = record[2] >> 16;
      float step;
      memcpy(&step, record + 1, 4);
      float growth = clock->growth[firing < classes ? firing : classes - 1];
      step = (clock->ratio * step + clock->scale * growth) * ((float)firing * clock->rounding + clock->factor);
      memcpy(record, left + k, 4);
      memcpy(record + 1, &step, 4);
      record[2] = firing << 16 | now;
    }
    for (; late; late &= late - 1) positions[found++] = (int32_t)(base + (size_t)__builtin_ctzll(late));
  }
  *moving = sum_words(&moved);
  return found;
}

CLONES void firetree_projection(const float *x, const float *y, size_t count, float result[2]) {
#pragma clang fp reassociate(on) contract(fast)
  float square = 0, product = 0;
  for (size_t k = 0; k < count; k++) {
    square += y[k] * y[k];
    product += x[k] * y[k];
  }
  result[0] = square, result[1] = product;
}

/// Lengths, multiples and turns of eight steps, from their squares and their products with one of them.
static inline __attribute__((always_inline)) void measure(const LooseLanes *squares, const LooseLanes *products,
                                                          size_t reference, const firetree_scales *scales,
                                                          float *measures) {
#pragma clang fp contract(fast)
  const LooseLanes square = *squares, product = *products, zero = {0};
  const float own = square[reference];
  LooseLanes multiple = zero;
  if (own > 1e-30f) multiple = __builtin_elementwise_max(product, zero) / own;
  LooseLanes turned = __builtin_elementwise_max(square - multiple * product, zero) + square * scales->rounding;
  LooseLanes lost = *(const LooseLanes *)scales->margins * scales->margin;
  *(LooseLanes *)measures = __builtin_elementwise_sqrt(square) * scales->factor + lost;
  *(LooseLanes *)(measures + 8) = multiple;
  *(LooseLanes *)(measures + 16) = __builtin_elementwise_sqrt(turned) * scales->factor + lost;
}

CLONES void firetree_measure_products(const float *squares, const float *products, size_t reference,
                                      const firetree_scales *scales, float *measures) {
  measure((const LooseLanes *)squares, (const LooseLanes *)products, reference, scales, measures);
}

CLONES void firetree_measure_steps(const float *steps, const uint16_t *points, size_t count, size_t reference,
                                   const firetree_scales *scales, float *measures) {
#pragma clang fp contract(fast)
  LooseLanes s0 = {0}, s1 = {0}, p0 = {0}, p1 = {0};
  size_t t = 0;
  for (; t + 2 <= count; t += 2) {
    const float *a = steps + 8 * points[t], *b = steps + 8 * points[t + 1];
    LooseLanes x = *(const LooseLanes *)a, y = *(const LooseLanes *)b;
    s0 += x * x;
    s1 += y * y;
    p0 += x * a[reference];
    p1 += y * b[reference];
  }
  if (t < count) {
    const float *a = steps + 8 * points[t];
    LooseLanes x = *(const LooseLanes *)a;
    s0 += x * x;
    p0 += x * a[reference];
  }
  s0 += s1, p0 += p1;
  measure(&s0, &p0, reference, scales, measures);
}

CLONES firetree_progress firetree_sum_steps(const float *measures, float taken, size_t now, size_t age) {
#pragma clang fp contract(fast)
  const LooseLanes length = *(const LooseLanes *)measures;
  const LooseLanes multiple = *(const LooseLanes *)(measures + 8), turn = *(const LooseLanes *)(measures + 16);
  const HalfWords before = ((uint32_t)now - (HalfWords){0, 1, 2, 3, 4, 5, 6, 7}) & 7;
  const HalfMask counts = before < (uint32_t)age;
  const LooseLanes takes = __builtin_elementwise_min(multiple * taken + turn, length);
  LooseLanes lengths = (LooseLanes)((HalfMask)length & counts), all = (LooseLanes)((HalfMask)takes & counts);
  return (firetree_progress){sum_floats(&lengths), sum_floats(&all), length[now % 8], takes[now % 8]};
}

CLONES void firetree_gather(const float *column, size_t stride, const uint16_t *points, size_t count, float factor,
                            float *result) {
  for (size_t k = 0; k < count; k++) result[k] = factor * column[points[k] * stride];
}

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

CLONES float firetree_settle(const float *sums, float weight, const uint16_t *points, const float *alpha,
                             size_t firing, size_t support, float *shares, float *coefficients) {
#pragma clang fp contract(fast)
  const LooseLanes zero = {0};
  for (size_t k = 0; k < firing; k += 4) {
    size_t a = points[k], b = points[k + 1], c = points[k + 2], d = points[k + 3];
    float w = weight * sums[a], x = weight * sums[b], y = weight * sums[c], z = weight * sums[d];
    SEPARATE(w); SEPARATE(x); SEPARATE(y); SEPARATE(z);
    shares[k] = w, shares[k + 1] = x, shares[k + 2] = y, shares[k + 3] = z;
  }
  for (size_t k = firing; k < support + 8; k += 8) *(LooseLanes *)(shares + k) = zero;
  LooseLanes magnitude = zero;
  for (size_t k = 0; k < support; k += 8) {
    LooseLanes x = *(const LooseLanes *)(alpha + k), y = *(const LooseLanes *)(shares + k);
    *(LooseLanes *)(coefficients + k) = x + y;
    magnitude += __builtin_elementwise_abs(x) + __builtin_elementwise_abs(y);
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
