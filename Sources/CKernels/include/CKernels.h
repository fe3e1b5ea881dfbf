/// Inner loops in C, compiled for several instruction sets and chosen at load time.
///
/// Only loops that measured at least 1.3 times faster here than in Swift, whose builds target the oldest x86-64. Each
/// has a plain twin in Swift (PlainKernels.swift and PlainNormals.swift in Tests/TestSupport, or an expression in its
/// test) and a test against it. Sums are reassociated and multiplications fused with additions, so bits depend on the
/// processor, except in `firetree_normals`.
///
/// Rows of matrices begin on 64-byte boundaries and are padded with zeros to a multiple of 16 floats.
///
/// The contract of `firetree_some_name` is that of `Kernels.someName` in Kernels.swift and KineticKernels.swift, or of
/// `CounterGenerator` and `JointFiring`, their only callers. Structs are used by Swift as they stand here, so their contracts are here.
#ifndef FIRETREE_CKERNELS_H
#define FIRETREE_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

void firetree_multiply_rows(const float *matrix, size_t stride, const uint16_t *rows, size_t count,
                            const uint16_t *columns, const float *coefficients, size_t terms, float *result);
void firetree_combine_symmetric(const float *matrix, size_t stride, const uint16_t *indices,
                                const float *coefficients, size_t count, float *result);
float firetree_step_coefficients(const float *current, const float *gradients, size_t count, float threshold,
                                 float rate, float *steps, float *alpha);
void firetree_advance_current(float *current, const float *anchored, const float *changes, const float *steps,
                              const float *alpha, size_t count, float squares[2]);
void firetree_short_products(const float *vector, const float *matrix, size_t stride, size_t columns,
                             const uint16_t *rows, size_t count, float scale, float *result);
size_t firetree_add_excess(double *sums, size_t stride, size_t columns, const float *weights,
                           const uint16_t *points, const float *values, size_t count, float threshold);
size_t firetree_select_uncertain(const float *ceilings, const uint16_t *points, const float *norms, size_t count,
                                 float reach, float largest_norm, float threshold, uint16_t *positions);
void firetree_add_rows(float *vector, const float *matrix, size_t stride, size_t columns, const uint32_t *rows,
                       const float *coefficients, size_t terms);
void firetree_dot_rows(const float *vector, const float *matrix, size_t stride, size_t columns,
                       const uint32_t *rows, size_t count, float *result);
void firetree_normals(uint64_t seed, uint32_t stream, uint64_t row, float *values, size_t count);

// Kinetic training: see KineticEngine.swift.

/// What some steps take at most that a neuron takes after an earlier one: of what they turn from it, for each unit of an output
/// weight, and how many times that step they are beside.
typedef struct {
  float excess, multiple;
} firetree_bound;

/// What says whether a neuron of kinetic training has to be looked at: all that is read of most neurons in a step. The step
/// history says how much of `slack` is left (StepHistory.swift).
typedef struct {
  /// What was left of the room of the neuron's candidates when its clock was last moved or this was set anew.
  float slack;
  /// What one more step like the last would have taken of that at most.
  float taken;
  /// That step, modulo 2^16, and the number k of points on which the neuron fires.
  uint16_t moment, firing;
} firetree_countdown;

/// How far neurons may have moved since their countdowns were set: see StepHistory.swift.
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

size_t firetree_select_late(const firetree_clock *clock, firetree_countdown *countdowns, size_t count, int32_t *positions,
                            size_t *moving);
void firetree_projection(const float *x, const float *y, size_t count, float result[2]);

/// What the measures of steps are made of, beside sums: lengths are multiplied by `factor`, and `margin * margins[k]` is added
/// to them; a square may be off by `rounding` times what it is.
typedef struct {
  const float *margins;
  float margin, factor, rounding;
} firetree_scales;

void firetree_measure_products(const float *squares, const float *products, size_t reference,
                               const firetree_scales *scales, float *measures);
void firetree_measure_steps(const float *steps, const uint16_t *points, size_t count, size_t reference,
                            const firetree_scales *scales, float *measures);

/// What steps take: the sum of their lengths, that of what they take of a countdown, and both of the last alone.
typedef struct {
  float lengths, takes, length, take;
} firetree_progress;

firetree_progress firetree_sum_steps(const float *measures, float taken, size_t now, size_t age);
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

firetree_look firetree_compute_due(const firetree_pairs *pairs, const firetree_heading *heading,
                                   const firetree_list *list, firetree_choice choice, const uint16_t *positions,
                                   size_t firing, const float *coefficients, size_t terms, double path, float error,
                                   float *values, float *speeds);
float firetree_find_pace(const firetree_pairs *pairs, const firetree_heading *heading, const firetree_list *list,
                         size_t count, const uint16_t *positions, size_t computed, size_t firing,
                         const uint16_t *turned, const float *turns, size_t turn_count, double path, float *speeds);
float firetree_settle(const float *sums, float weight, const uint16_t *points, const float *alpha, size_t firing,
                      size_t support, float *shares, float *coefficients);
void firetree_square_sums(const float *matrix, size_t stride, const uint16_t *rows, size_t terms,
                          const uint16_t *columns, size_t count, float *result);
float firetree_widen_reaches(const float *row, const uint16_t *points, size_t count, float path, float *reaches,
                             float *limits);
void firetree_count_pairs(float *tensor, const size_t *row_starts, size_t first_row, size_t row_count, size_t point,
                          const uint16_t *others, size_t count, float unit);
double firetree_tensor_row(const float *gram, const float *weights, const double *values, size_t count, double x,
                           double *result);
void firetree_tensor_blocks(const float *gram, const float *blocks, size_t stride, const double *values, size_t count,
                            size_t width, const double *x, double *own, double *others);
void firetree_tensor_short_blocks(const float *gram, const int16_t *blocks, size_t stride, const double *values,
                                  size_t count, size_t width, const double *x, double *own, double *others);

static inline void firetree_prefetch(const void *start, size_t bytes) {
  const char *first = (const char *)((uintptr_t)start & ~(uintptr_t)63), *end = (const char *)start + bytes;
  for (const char *line = first; line < end; line += 64) __builtin_prefetch(line);
}

static inline void firetree_prefetch_entries(const float *matrix, size_t stride, const uint16_t *points,
                                             const uint16_t *positions, size_t count, size_t terms) {
  for (size_t q = 0; q < count; q++) {
    const float *row = matrix + points[positions[q]] * stride;
    for (size_t t = 0; t < terms; t++) __builtin_prefetch(row + points[t]);
  }
}

static inline void firetree_prefetch_three(const void *first, const void *second, const void *third, size_t bytes) {
  for (size_t b = 0; b < bytes; b += 64) {
    __builtin_prefetch((const char *)first + b);
    __builtin_prefetch((const char *)second + b);
    __builtin_prefetch((const char *)third + b);
  }
}

void firetree_correlate(float *result, size_t result_stride, const float *weights, size_t weight_stride, size_t rows,
                        const float *points, size_t point_stride, size_t count, size_t columns);
int firetree_add_rounded(int64_t *totals, const double *sums, const double *scales, size_t rows, size_t columns,
                         double limit);
void firetree_hadamard(float *values, const float *source, size_t size, const uint32_t *signs);
void firetree_hadamard_vector(float *values, size_t size, const uint32_t *signs);

/// A pair that was selected: its correlation, the neuron's place in its block, the point's among those of a list.
typedef struct {
  float value;
  uint16_t row, point;
} firetree_hit;

void firetree_correlate_pairs(firetree_hit *hits, size_t count, const float *weights, size_t weight_stride,
                              const float *points, size_t point_stride, size_t columns);

size_t firetree_select_lanes(const float *values, size_t size, float scale, const float *reaches, const float *norms,
                             float threshold, uint16_t first, firetree_hit *hits);
size_t firetree_fire_lanes(const float *values, size_t neurons, size_t copies, float scale, const float *reaches,
                           const float *slacks, const float *norms, float threshold, const int64_t *offsets,
                           const uint16_t *points, const float *coefficients, const float *products,
                           firetree_hit *hits);

/// Cells of a table of Owen's function (OwenTables.swift), and the cubic of one cell in the place within it, from 0 to 1.
#define FIRETREE_OWEN_CELLS 64
typedef struct {
  float constant, linear, square, cube;
} firetree_cubic;

void firetree_limit_angles(const firetree_cubic *cells, const float *gram, const float *inverse_norms, size_t count,
                           float inverse_norm, float tail, float snap, float *result);
void firetree_limit_triangles(const firetree_cubic *own, const firetree_cubic *others, size_t stride,
                              const float *gram, const float *squares, const float *tails, size_t count, float square,
                              float tail, float snap, float *result);

#endif
