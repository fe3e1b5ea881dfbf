/// Inner loops in C, compiled for several instruction sets and chosen at load time.
///
/// Only loops that measured at least 1.3 times faster here than in Swift, whose builds target the oldest x86-64. Each
/// has a plain twin in Swift (Tests/TestSupport/PlainKernels.swift) and a test against it. Sums are reassociated and
/// multiplications fused with additions, so bits depend on the processor.
///
/// Rows of matrices begin on 64-byte boundaries and are padded with zeros to a multiple of 16 floats.
#ifndef FIRETREE_CKERNELS_H
#define FIRETREE_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// `result[q] = sum_t coefficients[t] * matrix[rows[t]][columns[q]]`, for `terms` rows and `count` columns.
///
/// `rows` and `coefficients` may be in any order.
void firetree_combine_rows(const float *matrix, size_t stride, const uint16_t *rows, const float *coefficients,
                           size_t terms, const uint16_t *columns, size_t count, float *result);

/// `result[q] = sum_t coefficients[t] * matrix[indices[t]][indices[q]]` for a symmetric matrix, each element of which is
/// read once for its two places.
void firetree_combine_symmetric(const float *matrix, size_t stride, const uint16_t *indices,
                                const float *coefficients, size_t count, float *result);

/// The coefficients' step of plain gradient descent: `steps[k] = -rate * gradients[k]` where `current[k]` exceeds the
/// threshold and 0 elsewhere, and `alpha[k] += steps[k]`; returns the sum of `|steps[k]|`.
float firetree_step_coefficients(const float *current, const float *gradients, size_t count, float threshold,
                                 float rate, float *steps, float *alpha);

/// `current[k]` becomes `anchored[k] + changes[k]`; adds to `squares` the sums of `steps[k]` times what it changed by and
/// of `alpha[k] * changes[k]`.
void firetree_advance_current(float *current, const float *anchored, const float *changes, const float *steps,
                              const float *alpha, size_t count, float squares[2]);

/// `result[t] = scale * <vector, matrix[rows[t]]>` over short rows of `columns` elements (padded with zeros to 16).
void firetree_short_products(const float *vector, const float *matrix, size_t stride, size_t columns,
                             const uint16_t *rows, size_t count, float scale, float *result);

/// `sums[points[q]] += weights * (values[q] - threshold)`, rounded to float, for every q whose value exceeds the
/// threshold; returns their number.
///
/// Rows of `sums` have `stride` doubles, of which the first `columns` are added to when `stride` is no multiple of
/// 8, and all otherwise; `weights` is padded with zeros.
size_t firetree_add_excess(double *sums, size_t stride, size_t columns, const float *weights,
                           const uint16_t *points, const float *values, size_t count, float threshold);

/// Stores, ascending, the positions q with `ceilings[q] + reach * norms[points[q]] > threshold`; returns their number.
///
/// No norm exceeds `largest_norm`, and `reach` is at least 0.
size_t firetree_select_uncertain(const float *ceilings, const uint16_t *points, const float *norms, size_t count,
                                 float reach, float largest_norm, float threshold, uint16_t *positions);

/// `vector += sum_t coefficients[t] * matrix[rows[t]]`, `columns` elements.
void firetree_add_rows(float *vector, const float *matrix, size_t stride, size_t columns, const uint32_t *rows,
                       const float *coefficients, size_t terms);

/// `result[t] = <vector, matrix[rows[t]]>`, `columns` elements, padded with zeros to a multiple of 16.
void firetree_dot_rows(const float *vector, const float *matrix, size_t stride, size_t columns,
                       const uint32_t *rows, size_t count, float *result);

// Kinetic training: see KineticEngine.swift. A quad is four floats, on a 16-byte boundary.

/// `result[q] = sum_t quads[t] * matrix[rows[t]][columns[q]]`, quad by quad.
void firetree_combine_quads(const float *matrix, size_t stride, const uint16_t *rows, const float *quads, size_t terms,
                            const uint16_t *columns, size_t count, float *result);

/// The same with the same rows and columns for a symmetric matrix, each element of which is read once for its two
/// places.
void firetree_combine_quads_symmetric(const float *matrix, size_t stride, const uint16_t *indices, const float *quads,
                                      size_t count, float *result);

/// `result[4 * t] = scale * <vector, now[points[t]] - then[points[t]]>`; rows of `stride` floats, 1 for a single column
/// and otherwise a multiple of 16 padded with zeros. `then` may be null, which stands for zeros.
void firetree_history_products(const float *vector, const float *now, const float *then, size_t stride,
                               const uint16_t *points, size_t count, float scale, float *result);

/// The sum of `|<vector, matrix[points[t]]>|` over rows as above.
float firetree_magnitude_products(const float *vector, const float *matrix, size_t stride, const uint16_t *points,
                                  size_t count);

/// `residuals = scale * (now - then - p * direction - q * change)` over `count` rows of `stride` floats, the rows times
/// `norms`; `sizes[i]` becomes the sum of the magnitudes of row i or, with `largest`, the largest of them.
void firetree_residuals(const float *now, const float *then, const float *direction, const float *change, float p,
                        float q, float scale, const float *norms, size_t count, size_t stride, int largest,
                        float *residuals, float *sizes);

/// `sums[k] = sum_i max(values[i] - cuts[k], 0)` for `cut_count` cuts.
void firetree_excess_sums(const float *values, size_t count, const float *cuts, size_t cut_count, float *sums);

/// Stores, ascending, the positions q with `ages[bins[q] / 16] > deadlines[q]` or `errors[bins[q]] > reserves[q]`, or
/// whose bin has its highest bit set, which is no part of it otherwise; returns their number.
size_t firetree_select_expired(const uint16_t *bins, const uint8_t *deadlines, const float *reserves, size_t count,
                               const uint8_t *ages, const float *errors, uint32_t *positions);

/// How much distance from the threshold `count` candidates keep at sixteen future times, the least over the norms of
/// their points: lowers `margins[k]` to it.
///
/// A quad is a value and three speeds. `times` holds three rows of sixteen: at time k the value has moved by at most the
/// larger of `times[0][k] * u + times[1][k] * v` and the same of time k - 1 (0 before the first), and the larger of
/// `times[2][k] * w` and the same of time k - 1.
void firetree_future_margins(const float *quads, const uint16_t *points, const float *inverse_norms, size_t count,
                             float threshold, const float *times, float *margins);

/// Of each candidate how many of the sixteen times it keeps more distance than `floors` ask for, without a gap from the
/// first.
void firetree_future_lives(const float *quads, const uint16_t *points, const float *inverse_norms, size_t count,
                           float threshold, const float *times, const float *floors, uint8_t *lives);

/// One row of a symmetric product with a matrix of single elements: for i < count, with t = gram[i] * weights[i],
/// `result[i] += t * x` and the returned sum of `t * values[i]`.
double firetree_tensor_row(const float *gram, const float *weights, const double *values, size_t count, double x,
                           double *result);

/// The same for blocks of `width` elements, a multiple of 8, kept one after the other for i < count: with
/// t = gram[i] * block i, `own[0..width) += t * first[i]`, `own[width..2 width) += t * second[i]`, and
/// `others[i]` (2 width) `+= t * (x_first, x_second)`. `first` and `second` are the halves of rows of 2 width.
void firetree_tensor_blocks(const float *gram, const float *blocks, const double *values, size_t count, size_t width,
                            const double *x, double *own, double *others);

/// Asks for the cache lines of `bytes` bytes, for data that are about to be read.
static inline void firetree_prefetch(const void *start, size_t bytes) {
  for (size_t b = 0; b < bytes; b += 64) __builtin_prefetch((const char *)start + b);
}

#endif
