#include "CKernels.h"
#include "Lanes.h"

/// Eight words anywhere, of whatever type.
typedef uint32_t HalfWords __attribute__((vector_size(32), aligned(4), may_alias));

// `countdowns_of` reads records as three words each: slack, taken, and moment in the lower half of the third.
_Static_assert(sizeof(firetree_countdown) == 12 && offsetof(firetree_countdown, slack) == 0 &&
                   offsetof(firetree_countdown, taken) == 4 && offsetof(firetree_countdown, moment) == 8 &&
                   offsetof(firetree_countdown, firing) == 10,
               "a countdown is three words");
// `gather_bounds` reads a bound as a pair.
_Static_assert(sizeof(firetree_bound) == 8 && offsetof(firetree_bound, multiple) == 4, "a bound is two floats");

/// Adds up the lanes.
static inline __attribute__((always_inline)) uint32_t sum_words(const HalfWords *lanes) {
  uint32_t sum = 0;
  for (size_t k = 0; k < 8; k++) sum += (*lanes)[k];
  return sum;
}

/// What eight countdowns say, of which `block` holds the records.
typedef struct {
  LooseLanes slack, taken;
  HalfWords moment, firing;
} Countdowns;

static inline __attribute__((always_inline)) Countdowns countdowns_of(const firetree_countdown *block) {
  const HalfWords *words = (const HalfWords *)block, x = words[0], y = words[1], z = words[2];
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

CLONES size_t firetree_select_late(const firetree_clock *clock, firetree_countdown *countdowns, size_t count,
                                   int32_t *positions, size_t *moving) {
  const uint32_t classes = (uint32_t)clock->classes, now = clock->now & 0xFFFFu;
  const LooseLanes scale = (LooseLanes){0} + clock->scale, ease = (LooseLanes){0} + clock->ease;
  const HalfMask eases = (HalfMask){0} - (clock->growth != NULL);
  firetree_countdown rest[8];
  float left[64];
  size_t found = 0;
  HalfWords moved = {0};
  for (size_t base = 0; base < count; base += 64) {
    const size_t end = count - base < 64 ? count - base : 64;
    uint64_t late = 0, set = 0;
    for (size_t q = 0; q < end; q += 8) {
      const firetree_countdown *block = countdowns + base + q;
      // The processor asks ahead for too little by itself.
      if (base + q + 136 <= count) firetree_prefetch(block + 128, 96);
      if (end - q < 8) {
        // The others are countdowns of an infinity that were set just now.
        for (size_t k = 0; k < 8; k++) rest[k] = (firetree_countdown){__builtin_inff(), 0, (uint16_t)now, 0};
        memcpy(rest, block, (end - q) * sizeof *rest);
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
      firetree_countdown *record = countdowns + base + k;
      float growth = clock->growth[record->firing < classes ? record->firing : classes - 1];
      float step = clock->ratio * record->taken + clock->scale * growth;
      record->slack = left[k];
      record->taken = step * ((float)record->firing * clock->rounding + clock->factor);
      record->moment = (uint16_t)now;
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
