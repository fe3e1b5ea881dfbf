#include <cblas.h>

/* LAPACK, which OpenBLAS holds and has no header for. Column-major; every argument by address. */
extern void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
                   double *work, const int *lwork, int *info);
extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
