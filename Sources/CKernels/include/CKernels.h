/// Inner loops in C, compiled for several instruction sets and chosen at load time.
///
/// Only loops that measured at least 1.3 times faster here than in Swift, whose builds target the oldest x86-64. Each
/// has a plain twin in Swift (PlainKernels.swift and PlainNormals.swift in Tests/TestSupport, or an expression in its
/// test) and a test against it. Sums are reassociated and multiplications fused with additions, so bits depend on the
/// processor, except in `firetree_normals`.
///
/// Rows of matrices begin on 64-byte boundaries and are padded with zeros to a multiple of 16 floats.
#ifndef FIRETREE_CKERNELS_H
#define FIRETREE_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// `result[q] = sum_t coefficients[t] * matrix[rows[q]][columns[t]]`: rows of a matrix times a sparse vector.
void firetree_multiply_rows(const float *matrix, size_t stride, const uint16_t *rows, size_t count,
                            const uint16_t *columns, const float *coefficients, size_t terms, float *result);

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

/// `result[t] = scale * <vector, matrix[rows[t]]>` over short rows of `columns` elements, padded with zeros to 16; or over
/// single elements, when `stride` is 1.
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

/// Standard normals by Philox-4x32 and the transform of Box and Muller, the same bits on every processor: see
/// `CounterGenerator.normals`.
void firetree_normals(uint64_t seed, uint32_t stream, uint64_t row, float *values, size_t count);

// Kinetic training: see KineticEngine.swift.

/// What some steps take at most that a neuron takes after an earlier one: of what they turn from it, for each unit of an output
/// weight, and how many times that step they are beside.
typedef struct {
  float excess, multiple;
} firetree_bound;

/// How far neurons may have moved since their countdowns were set: see StepHistory.swift. A countdown is three words:
/// what is left of it and what a step takes, as floats, and in the halves of the third, from the lower, the step it was
/// set at and the number k of points that fire.
///
/// After `age` steps it is certain that what they took is at most `(multiple * taken + scale * excess) * (factor + rounding *
/// k)`, by the bound of `age * classes + k`, for k < `classes`, the last of which stands for all beyond; at the age before the
/// greatest the last step took at most `(ratio * taken + scale * growth[k])` times that factor.
typedef struct {
  /// `(oldest + 1) * classes`, of the greatest age infinite.
  const firetree_bound *bounds;
  /// `classes`, or nothing when no countdown is to be set anew.
  const float *growth;
  float ratio;
  size_t classes;
  float scale, factor, rounding;
  /// The present step, modulo 2^16, and the greatest age.
  uint32_t now, oldest;
  /// Countdowns one step from that age are set anew without looking at their neurons, if at least half of them is left, and
  /// so many times what `excess` makes of what was taken.
  float ease;
} firetree_clock;

/// Stores, ascending, the positions of the countdowns that may have run out, or that are one step from the greatest age and were
/// not set anew, and returns how many they are; `moving` becomes the number of countdowns with points that fire.
size_t firetree_select_late(const firetree_clock *clock, void *countdowns, size_t count, int32_t *positions,
                            size_t *moving);

/// `result` becomes `<y, y>`, `<x, y>`.
void firetree_projection(const float *x, const float *y, size_t count, float result[2]);

/// What the measures of steps are made of, beside sums: lengths are multiplied by `factor`, and `margin * margins[k]` is added
/// to them; a square may be off by `rounding` times what it is.
typedef struct {
  const float *margins;
  float margin, factor, rounding;
} firetree_scales;

/// Eight steps beside one of them, r. From their `squares` and `products` with it, x and y, `measures` (24) becomes what each
/// is at most long, `factor * sqrt(x)`, the multiples of r that are nearest to them, `y / squares[r]` if that is positive, and
/// what they turn from these at most, `factor * sqrt(x - multiple * y + rounding * x)`; to lengths and turns margins are added.
void firetree_measure_products(const float *squares, const float *products, size_t reference,
                               const firetree_scales *scales, float *measures);

/// The same of the vectors of `steps[8 * points[t] + k]`.
void firetree_measure_steps(const float *steps, const uint16_t *points, size_t count, size_t reference,
                            const firetree_scales *scales, float *measures);

/// What steps take: the sum of their lengths, that of what they take of a countdown, and both of the last alone.
typedef struct {
  float lengths, takes, length, take;
} firetree_progress;

/// The last `age` steps up to step `now`, the measures of each at its number modulo 8. Of a countdown that takes `taken` for the
/// step that they were measured beside, each takes its multiple of that and its turn, but no more than its length.
firetree_progress firetree_sum_steps(const float *measures, float taken, size_t now, size_t age);

/// `coefficients[k] = alpha[k] + shares[k]` for k < `firing`, `alpha[k]` for the others below `support`; returns the sum
/// of the magnitudes of all that was added.
float firetree_sum_coefficients(const float *alpha, const float *shares, size_t firing, size_t support,
                                float *coefficients);

/// What a pair's state depends on, of all pairs: G, the lengths of the points, and the threshold.
typedef struct {
  const float *gram;
  size_t stride;
  const float *norms;
  float threshold;
  /// What any correlation may have been rounded by, and how far a tie may move on.
  float rounding, tie;
} firetree_pairs;

/// How many candidates were chosen, and the least limit of the others.
typedef struct {
  size_t count;
  float least;
} firetree_choice;

/// Chooses the limits that do not exceed `path + ahead`, neither of which is negative; if these are more than `enough`, those
/// that do not exceed `path + ahead * enough / count`. Their positions are stored, ascending; there is room for `count`.
firetree_choice firetree_choose_due(const float *limits, size_t count, double path, float ahead, size_t enough,
                                    uint16_t *positions);

/// The candidates of a neuron: `s(t0)`, reach and limit of each.
typedef struct {
  const uint16_t *points;
  const float *anchored, *reaches;
  float *limits;
} firetree_list;

/// Where a neuron is headed: the coefficients of its last step, or NULL if they are not to be used, what they are long at most,
/// and what rounding adds to the speed of a candidate for each unit of reach.
typedef struct {
  const float *coefficients;
  float length, margin;
} firetree_heading;

/// What a look at a neuron found: the least of all limits, the greatest share of what is left of its limit that one more step
/// like the last may take of any candidate, and whether one changed state.
typedef struct {
  float least, pace;
  int changed;
} firetree_look;

/// Computes the chosen candidates of a neuron and gives each a new limit. The correlations `s = anchored[q] + sum_t
/// coefficients[t] G[points[q]][points[t]]` over the first `terms` candidates are stored, of which the first `firing` are taken
/// to fire, and so are the same products with the heading, or 0. There is room for three values and speeds more.
///
/// With `r = error * norms[points[q]] + rounding` and the distance `max(|s - threshold| - r, min(r, tie))` the limit is
/// `path + distance / reaches[q]`, rounded down; -infinity without a distance. The share that a step takes is `(v / reaches[q]
/// + margin) / (distance / reaches[q])`, where v is how fast the heading brings the correlation towards the threshold, or 0;
/// of candidates that are not computed it is `length / (limit - path)`, and of all without coefficients. Where a limit is
/// -infinity, `pace` says nothing.
firetree_look firetree_compute_due(const firetree_pairs *pairs, const firetree_heading *heading,
                                   const firetree_list *list, firetree_choice choice, const uint16_t *positions,
                                   size_t firing, const float *coefficients, size_t terms, double path, float error,
                                   float *values, float *speeds);

/// The pace after the heading of a neuron has turned, by `turns[t]` in the coefficient of point `turned[t]`; `heading` says how
/// long it is now, and its margin. The candidates at `positions`, `computed` of the list's `count`, had these `speeds` before,
/// which are lost; the first `firing` of the list fire now.
float firetree_find_pace(const firetree_pairs *pairs, const firetree_heading *heading, const firetree_list *list,
                         size_t count, const uint16_t *positions, size_t computed, size_t firing,
                         const uint16_t *turned, const float *turns, size_t turn_count, double path, float *speeds);

/// `shares[k] = weight * sums[points[k]]` for k < `firing`, 0 for the others below `support`, and
/// `coefficients[k] = alpha[k] + shares[k]`; returns the sum of the magnitudes of all that was added.
///
/// `alpha` goes on to a multiple of 8, with zeros; so do the shares and the coefficients then.
float firetree_settle(const float *sums, float weight, const uint16_t *points, const float *alpha, size_t firing,
                      size_t support, float *shares, float *coefficients);

/// `result[q] = sum_t matrix[rows[t]][columns[q]]^2`.
void firetree_square_sums(const float *matrix, size_t stride, const uint16_t *rows, size_t terms,
                          const uint16_t *columns, size_t count, float *result);

/// `reaches[q] = sqrt(reaches[q]^2 + row[points[q]]^2)`, and what is left of every limit beyond `path` shrinks by as much,
/// both on the safe side of rounding; returns the least limit. Reaches are positive.
float firetree_widen_reaches(const float *row, const uint16_t *points, size_t count, float path, float *reaches,
                             float *limits);

/// Adds `unit` for `point` with each of `others` to a symmetric matrix of which every row is kept up to its own column,
/// where that is in `row_count` rows from `first_row` on.
void firetree_count_pairs(float *tensor, const size_t *row_starts, size_t first_row, size_t row_count, size_t point,
                          const uint16_t *others, size_t count, float unit);

/// One row of a symmetric product with a matrix of single elements: for i < count, with t = gram[i] * weights[i],
/// `result[i] += t * x` and the returned sum of `t * values[i]`.
double firetree_tensor_row(const float *gram, const float *weights, const double *values, size_t count, double x,
                           double *result);

/// The same for blocks of `width` elements, a multiple of 8, `stride` apart for i < count: with t = gram[i] * block i,
/// `own[0..width) += t * first[i]`, `own[width..2 width) += t * second[i]`, and `others[i]` (2 width)
/// `+= t * (x_first, x_second)`. `first` and `second` are the halves of rows of 2 width.
void firetree_tensor_blocks(const float *gram, const float *blocks, size_t stride, const double *values, size_t count,
                            size_t width, const double *x, double *own, double *others);

/// The same for blocks of whole numbers.
void firetree_tensor_short_blocks(const float *gram, const int16_t *blocks, size_t stride, const double *values,
                                  size_t count, size_t width, const double *x, double *own, double *others);

/// Asks for the cache lines of `bytes` bytes, for data that are about to be read.
static inline void firetree_prefetch(const void *start, size_t bytes) {
  const char *first = (const char *)((uintptr_t)start & ~(uintptr_t)63), *end = (const char *)start + bytes;
  for (const char *line = first; line < end; line += 64) __builtin_prefetch(line);
}

/// The same for the elements of a matrix in the rows `points[positions[q]]` and the columns of the first `terms` points.
static inline void firetree_prefetch_entries(const float *matrix, size_t stride, const uint16_t *points,
                                             const uint16_t *positions, size_t count, size_t terms) {
  for (size_t q = 0; q < count; q++) {
    const float *row = matrix + points[positions[q]] * stride;
    for (size_t t = 0; t < terms; t++) __builtin_prefetch(row + points[t]);
  }
}

/// The same for as many bytes of each of three arrays.
static inline void firetree_prefetch_three(const void *first, const void *second, const void *third, size_t bytes) {
  for (size_t b = 0; b < bytes; b += 64) {
    __builtin_prefetch((const char *)first + b);
    __builtin_prefetch((const char *)second + b);
    __builtin_prefetch((const char *)third + b);
  }
}

#endif
