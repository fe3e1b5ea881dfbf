/// What the kernels share: clones for several processors, and vectors.
#ifndef FIRETREE_LANES_H
#define FIRETREE_LANES_H

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

#endif
