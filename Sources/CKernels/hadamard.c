#include "CKernels.h"
#include "Lanes.h"

// Nothing but additions and changes of sign, each of the same two numbers on every processor.

/// Sixteen words of bits.
typedef uint32_t Bits __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))

/// `levels` levels of the transform at once, from that of rows `step` apart on; the numbers stay in registers between them.
INLINE void transform_levels(Lanes *rows, size_t size, size_t step, const uint32_t *signs, const int levels) {
  const size_t count = (size_t)1 << levels;
  for (size_t base = 0; base < size; base += count * step) {
    for (size_t j = base; j < base + step; j++) {
      Lanes x[16];
      for (size_t k = 0; k < count; k++) {
        x[k] = rows[j + k * step];
        if (signs) {
          const size_t row = j + k * step;
          const uint32_t sign = (signs[row / 32] >> (row % 32)) << 31;
          x[k] = (Lanes)((Bits)x[k] ^ sign);
        }
      }
#pragma clang loop unroll(full)
      for (size_t half = 1; half < count; half *= 2) {
#pragma clang loop unroll(full)
        for (size_t k = 0; k < count; k++) {
          if (k & half) continue;
          const Lanes sum = x[k] + x[k + half], difference = x[k] - x[k + half];
          x[k] = sum;
          x[k + half] = difference;
        }
      }
      for (size_t k = 0; k < count; k++) rows[j + k * step] = x[k];
    }
  }
}

CLONES void firetree_hadamard(float *values, size_t size, const uint32_t *signs) {
  Lanes *rows = (Lanes *)values;
  size_t step = 1;
  do {
    const size_t left = size / step;
    switch (left < 16 ? left : 16) {
      case 1: transform_levels(rows, size, step, signs, 0); break;
      case 2: transform_levels(rows, size, step, signs, 1); break;
      case 4: transform_levels(rows, size, step, signs, 2); break;
      case 8: transform_levels(rows, size, step, signs, 3); break;
      default: transform_levels(rows, size, step, signs, 4); break;
    }
    step *= left < 16 ? left : 16;
    signs = NULL;
  } while (step < size);
}
