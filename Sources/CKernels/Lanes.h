/// What the kernels share: clones for several processors, and vectors.
#ifndef FIRETREE_LANES_H
#define FIRETREE_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The loader picks the clone for the processor. Thread sanitizer is not up yet when it does, so then there is one.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ONE_CLONE 1
#endif
#endif
#if defined(__x86_64__) && !defined(ONE_CLONE)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

/// Sixteen floats; loads and stores need 64-byte alignment.
typedef float Lanes __attribute__((vector_size(64)));
typedef float HalfLanes __attribute__((vector_size(32)));
typedef float QuarterLanes __attribute__((vector_size(16)));
/// Of arrays whose alignment is not known.
typedef double DoubleLanes __attribute__((vector_size(64), aligned(8)));

/// Eight floats anywhere, and what comparing them gives.
typedef float LooseLanes __attribute__((vector_size(32), aligned(4)));
typedef int HalfMask __attribute__((vector_size(32)));
typedef float QuarterLooseLanes __attribute__((vector_size(16), aligned(4)));

/// Keeps the compiler from packing scalars into vectors, where that would need gathers.
#if defined(__x86_64__)
#define SEPARATE(x) __asm__("" : "+x"(x))
#else
#define SEPARATE(x) (void)(x)
#endif

#define AT(pointer) (*(const Lanes *)(pointer))

/// By address: vectors as arguments would need one instruction set for caller and callee.
static inline __attribute__((always_inline)) float total(const Lanes *sum) {
  Lanes x = *sum;
  HalfLanes h = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
                __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
  QuarterLanes q = __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
  return (q[0] + q[2]) + (q[1] + q[3]);
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

/// Products of four rows with a sparse vector. Independent sums hide the latency of additions, and scalar loads beat gathers.
static inline __attribute__((always_inline)) void multiply_four_rows(const float *const rows[4],
                                                                     const uint16_t *columns,
                                                                     const float *coefficients, size_t terms,
                                                                     float *products) {
#pragma clang fp contract(fast)
  const float *m0 = rows[0], *m1 = rows[1], *m2 = rows[2], *m3 = rows[3];
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0, r0 = 0, r1 = 0, r2 = 0, r3 = 0;
  size_t t = 0;
  for (; t + 2 <= terms; t += 2) {
    size_t c = columns[t], d = columns[t + 1];
    float x = coefficients[t], y = coefficients[t + 1];
    s0 += x * m0[c];
    s1 += x * m1[c];
    s2 += x * m2[c];
    s3 += x * m3[c];
    r0 += y * m0[d];
    r1 += y * m1[d];
    r2 += y * m2[d];
    r3 += y * m3[d];
    SEPARATE(s0); SEPARATE(s1); SEPARATE(s2); SEPARATE(s3);
    SEPARATE(r0); SEPARATE(r1); SEPARATE(r2); SEPARATE(r3);
  }
  if (t < terms) {
    size_t c = columns[t];
    float x = coefficients[t];
    s0 += x * m0[c];
    s1 += x * m1[c];
    s2 += x * m2[c];
    s3 += x * m3[c];
  }
  products[0] = s0 + r0, products[1] = s1 + r1, products[2] = s2 + r2, products[3] = s3 + r3;
}

#endif
