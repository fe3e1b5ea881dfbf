#include "CKernels.h"
#include "Lanes.h"

CLONES int firetree_add_rounded(
    int64_t *restrict totals, const double *restrict sums, const double *restrict scales, size_t rows,
    size_t columns, double limit) {
  int fits = 1;
  for (size_t i = 0; i < rows; i++) {
    const double scale = scales[i];
    for (size_t c = 0; c < columns; c++) {
      const double value = sums[i * columns + c] * scale;
      // False of a NaN too. What does not fit is left out: converting it would have no meaning.
      const int ok = __builtin_fabs(value) < limit;
      fits &= ok;
      totals[i * columns + c] += (int64_t)__builtin_rint(ok ? value : 0.0);
    }
  }
  return fits;
}
