#include "CKernels.h"
#include "Lanes.h"

_Static_assert(sizeof(firetree_hit) == 8 && offsetof(firetree_hit, row) == 4, "a hit is a float and two numbers");

// Nothing but additions and changes of sign, each of the same two numbers on every processor.

/// Sixteen words of bits.
typedef uint32_t Bits __attribute__((vector_size(64)));

/// Sixteen floats anywhere, and whether each of sixteen lanes is so.
typedef float LooseSixteen __attribute__((vector_size(64), aligned(4)));
typedef _Bool Truths16 __attribute__((ext_vector_type(16)));

#define INLINE static inline __attribute__((always_inline))

/// `levels` levels of the transform at once, from that of rows `step` apart on; the numbers stay in registers between them.
INLINE void transform_levels(Lanes *rows, const Lanes *source, size_t size, size_t step, const uint32_t *signs, const int levels) {
  const size_t count = (size_t)1 << levels;
  for (size_t base = 0; base < size; base += count * step) {
    for (size_t j = base; j < base + step; j++) {
      Lanes x[16];
      for (size_t k = 0; k < count; k++) {
        x[k] = source[j + k * step];
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

CLONES void firetree_hadamard(float *values, const float *source, size_t size, const uint32_t *signs) {
  Lanes *rows = (Lanes *)values;
  const Lanes *from = (const Lanes *)source;
  size_t step = 1;
  do {
    const size_t left = size / step;
    switch (left < 16 ? left : 16) {
      case 1: transform_levels(rows, from, size, step, signs, 0); break;
      case 2: transform_levels(rows, from, size, step, signs, 1); break;
      case 4: transform_levels(rows, from, size, step, signs, 2); break;
      case 8: transform_levels(rows, from, size, step, signs, 3); break;
      default: transform_levels(rows, from, size, step, signs, 4); break;
    }
    step *= left < 16 ? left : 16;
    signs = NULL;
    from = rows;
  } while (step < size);
}

/// The four levels within sixteen rows of one column each, side by side in a register.
INLINE void transform_within(Lanes *lanes) {
  // Where a bit of the lane's number is set the partner is subtracted from, elsewhere added to.
  const Lanes one = {1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1};
  const Lanes two = {1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1};
  const Lanes four = {1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1};
  const Lanes eight = {1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1};
  Lanes x = *lanes;
  x = x * one + __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
  x = x * two + __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  x = x * four + __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  x = x * eight + __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  *lanes = x;
}

CLONES void firetree_hadamard_vector(float *values, size_t size, const uint32_t *signs) {
  for (size_t k = 0; k < size; k++) {
    uint32_t value;
    memcpy(&value, values + k, 4);
    value ^= ((signs[k / 32] >> (k % 32)) & 1) << 31;
    memcpy(values + k, &value, 4);
  }
  if (size < 16) {
    for (size_t half = 1; half < size; half *= 2) {
      for (size_t k = 0; k < size; k++) {
        if (k & half) continue;
        const float sum = values[k] + values[k + half], difference = values[k] - values[k + half];
        values[k] = sum;
        values[k + half] = difference;
      }
    }
    return;
  }
  Lanes *rows = (Lanes *)values;
  for (size_t row = 0; row < size / 16; row++) transform_within(rows + row);
  for (size_t half = 1; half < size / 16; half *= 2) {
    for (size_t base = 0; base < size / 16; base += 2 * half) {
      for (size_t k = base; k < base + half; k++) {
        const Lanes sum = rows[k] + rows[k + half], difference = rows[k] - rows[k + half];
        rows[k] = sum;
        rows[k + half] = difference;
      }
    }
  }
}

CLONES size_t firetree_select_lanes(const float *values, size_t size, float scale, const float *reaches,
                                    const float *norms, float threshold, uint16_t first,
                                    firetree_hit *hits) {
#pragma clang fp contract(off)
  const Lanes *rows = (const Lanes *)values;
  LooseSixteen x;
  memcpy(&x, norms, sizeof x);
  size_t count = 0;
  for (size_t row = 0; row < size; row++) {
    const Lanes s = rows[row] * scale;
    Truths16 reached = __builtin_convertvector(s + x * reaches[row] > threshold, Truths16);
    uint16_t bits;
    memcpy(&bits, &reached, 2);
    while (bits) {
      const unsigned lane = (unsigned)__builtin_ctz(bits);
      hits[count].value = s[lane];
      hits[count].row = (uint16_t)row;
      hits[count].point = (uint16_t)(first + lane);
      count++;
      bits &= (uint16_t)(bits - 1);
    }
  }
  return count;
}

CLONES size_t firetree_fire_lanes(const float *values, size_t neurons, size_t copies, float scale,
                                  const float *reaches, const float *slacks, const float *norms, float threshold,
                                  const int64_t *offsets, const uint16_t *points, const float *coefficients,
                                  const float *products, firetree_hit *hits) {
#pragma clang fp contract(off)
  const Lanes *base = (const Lanes *)values, *moved = (const Lanes *)products;
  LooseSixteen x;
  memcpy(&x, norms, sizeof x);
  size_t count = 0;
  for (size_t row = 0; row * copies < neurons; row++) {
    const Lanes initial = base[row] * scale;
    for (size_t neuron = row * copies; neuron < (row + 1) * copies && neuron < neurons; neuron++) {
      Truths16 reached = __builtin_convertvector(initial + x * reaches[neuron] > threshold, Truths16);
      uint16_t bits;
      memcpy(&bits, &reached, 2);
      if (!bits) continue;
      Lanes s = initial;
      if (offsets) {
        for (int64_t t = offsets[neuron]; t < offsets[neuron + 1]; t++) s += coefficients[t] * moved[points[t]];
      }
      reached = __builtin_convertvector((slacks ? s + x * slacks[neuron] : s) > threshold, Truths16);
      uint16_t firing;
      memcpy(&firing, &reached, 2);
      firing &= bits;
      while (firing) {
        const unsigned lane = (unsigned)__builtin_ctz(firing);
        hits[count].value = s[lane];
        hits[count].row = (uint16_t)neuron;
        hits[count].point = (uint16_t)lane;
        count++;
        firing &= (uint16_t)(firing - 1);
      }
    }
  }
  return count;
}
