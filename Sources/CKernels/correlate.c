#include "CKernels.h"
#include "Lanes.h"

/// Points that are taken at a time, and of how many the last elements are kept with zeros behind them.
#define TILE 256

/// The last `rest` elements of each row, and zeros; what lies behind them in a row is not read.
static void load_tails(const float *rows, size_t stride, size_t count, size_t rest, Lanes *tails) {
  for (size_t i = 0; i < count; i++) {
    tails[i] = (Lanes){0};
    memcpy(tails + i, rows + i * stride, rest * sizeof(float));
  }
}

CLONES static void correlate_tile(float *result, size_t result_stride, const float *weights, size_t weight_stride,
                                  size_t rows, const float *points, size_t point_stride, size_t count,
                                  size_t columns) {
#pragma clang fp contract(fast)
  const size_t whole = columns / 16 * 16, rest = columns - whole;
  Lanes point_tails[TILE], weight_tails[4];
  load_tails(points + whole, point_stride, count, rest, point_tails);
  for (size_t r = 0; r < rows; r += 4) {
    // Rows and points beyond the end repeat the last.
    const float *w[4];
    for (size_t q = 0; q < 4; q++) {
      w[q] = weights + (r + q < rows ? r + q : rows - 1) * weight_stride;
      load_tails(w[q] + whole, 0, 1, rest, weight_tails + q);
    }
    for (size_t i = 0; i < count; i += 2) {
      const size_t next = i + 1 < count ? i + 1 : i;
      const float *x = points + i * point_stride, *y = points + next * point_stride;
      Lanes sums[4][2];
      for (size_t q = 0; q < 4; q++) {
        sums[q][0] = weight_tails[q] * point_tails[i];
        sums[q][1] = weight_tails[q] * point_tails[next];
      }
      for (size_t k = 0; k < whole; k += 16) {
        const Lanes first = AT(x + k), second = AT(y + k);
        for (size_t q = 0; q < 4; q++) {
          sums[q][0] += AT(w[q] + k) * first;
          sums[q][1] += AT(w[q] + k) * second;
        }
      }
      for (size_t q = 0; q < 4 && r + q < rows; q++) {
        float *target = result + (r + q) * result_stride;
        target[next] = total(&sums[q][1]);
        target[i] = total(&sums[q][0]);
      }
    }
  }
}

void firetree_correlate(float *result, size_t result_stride, const float *weights, size_t weight_stride, size_t rows,
                        const float *points, size_t point_stride, size_t count, size_t columns) {
  for (size_t i = 0; i < count; i += TILE) {
    correlate_tile(result + i, result_stride, weights, weight_stride, rows, points + i * point_stride,
                   point_stride, count - i < TILE ? count - i : TILE, columns);
  }
}

/// Pairs that are taken at a time: as many sums as hide how long one addition takes.
#define PAIRS 8

CLONES void firetree_correlate_pairs(firetree_hit *hits, size_t count, const float *weights, size_t weight_stride,
                                     const float *points, size_t point_stride, size_t columns) {
  const size_t rest = columns % 16, whole = columns - rest;
  for (size_t first = 0; first < count; first += PAIRS) {
    const float *w[PAIRS], *x[PAIRS];
    Lanes sums[PAIRS];
    for (size_t q = 0; q < PAIRS; q++) {
      const firetree_hit *hit = hits + (first + q < count ? first + q : count - 1);
      w[q] = weights + hit->row * weight_stride;
      x[q] = points + hit->point * point_stride;
      Lanes tails[2];
      load_tails(w[q] + whole, 0, 1, rest, tails);
      load_tails(x[q] + whole, 0, 1, rest, tails + 1);
      sums[q] = tails[0] * tails[1];
    }
    for (size_t k = 0; k < whole; k += 16) {
      for (size_t q = 0; q < PAIRS; q++) sums[q] += AT(w[q] + k) * AT(x[q] + k);
    }
    for (size_t q = 0; q < PAIRS && first + q < count; q++) hits[first + q].value = total(&sums[q]);
  }
}
