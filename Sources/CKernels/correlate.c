#include "CKernels.h"
#include "Lanes.h"

/// The last `rest` elements of a row, and zeros; what lies behind them is not read.
static inline __attribute__((always_inline)) void load_tail(const float *row, size_t rest, Lanes *tail) {
  *tail = (Lanes){0};
  memcpy(tail, row, rest * sizeof(float));
}

CLONES void firetree_correlate(float *result, size_t result_stride, const float *weights, size_t weight_stride,
                               size_t rows, const float *points, size_t point_stride, size_t count,
                               size_t columns) {
#pragma clang fp contract(fast)
  const size_t whole = columns / 16 * 16, rest = columns - whole;
  for (size_t r = 0; r < rows; r += 4) {
    // Rows and points beyond the end repeat the last.
    const float *w[4], *x[2];
    for (size_t q = 0; q < 4; q++) w[q] = weights + (r + q < rows ? r + q : rows - 1) * weight_stride;
    for (size_t i = 0; i < count; i += 2) {
      for (size_t p = 0; p < 2; p++) x[p] = points + (i + p < count ? i + p : count - 1) * point_stride;
      Lanes sums[4][2] = {0};
      for (size_t k = 0; k < whole; k += 16) {
        const Lanes first = AT(x[0] + k), second = AT(x[1] + k);
        for (size_t q = 0; q < 4; q++) {
          sums[q][0] += AT(w[q] + k) * first;
          sums[q][1] += AT(w[q] + k) * second;
        }
      }
      if (rest > 0) {
        Lanes first, second, own;
        load_tail(x[0] + whole, rest, &first);
        load_tail(x[1] + whole, rest, &second);
        for (size_t q = 0; q < 4; q++) {
          load_tail(w[q] + whole, rest, &own);
          sums[q][0] += own * first;
          sums[q][1] += own * second;
        }
      }
      for (size_t q = 0; q < 4 && r + q < rows; q++) {
        for (size_t p = 0; p < 2 && i + p < count; p++) {
          result[(r + q) * result_stride + i + p] = total(&sums[q][p]);
        }
      }
    }
  }
}
