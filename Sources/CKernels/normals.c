#include <string.h>

#include "CKernels.h"
#include "Lanes.h"

// Strict arithmetic: nothing here is reassociated or fused, so every processor gives the same bits.
#pragma clang fp contract(off)

// Eight words, each in the low half of 64 bits, where the products of Philox need them.
typedef uint64_t Wide __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(32)));
typedef HalfLanes Values;
/// The number of blocks of four words that make sixty-four normals, half of them for radii and half for angles.
enum { BLOCKS = 16, NORMALS = 64 };

#define INLINE static inline __attribute__((always_inline))
#define LOW(x) ((x) & 0xFFFFFFFFu)

/// Ten rounds of Philox-4x32 on eight counters, {block, stream, low and high half of the row}; word j of all into
/// `words[j]`.
INLINE void philox(const Wide *blocks, uint64_t stream, uint64_t row, uint64_t seed, Words words[4]) {
  Wide a = *blocks, b = (Wide){0} + stream, c = (Wide){0} + LOW(row), d = (Wide){0} + (row >> 32);
  uint32_t k = (uint32_t)seed, l = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    // The upper halves are left as they fall: no product reads them.
    Wide p = LOW(a) * 0xD2511F53u, q = LOW(c) * 0xCD9E8D57u;
    a = (q >> 32) ^ b ^ (uint64_t)k;
    c = (p >> 32) ^ d ^ (uint64_t)l;
    b = q;
    d = p;
    k += 0x9E3779B9u;
    l += 0xBB67AE85u;
  }
  words[0] = __builtin_convertvector(a, Words);
  words[1] = __builtin_convertvector(b, Words);
  words[2] = __builtin_convertvector(c, Words);
  words[3] = __builtin_convertvector(d, Words);
}

/// Words below 2^23 as floats, exactly, by way of the mantissa of 2^23.
INLINE void value(const Words *words, Values *result) { *result = (Values)(*words | 0x4B000000u) - 0x1p23f; }

// The polynomials are the classical minimax ones of the Cephes library (S. Moshier, `logf`, `sinf`, `cosf`); the error is
// below 2 units in the last place of the factor concerned, far under the 2^-32 grain of the words.

/// sqrt(-2 ln u) for u = (word + 1/2) / 2^32, rounded, in (0, 1].
INLINE void radius(const Words *word, Values *result) {
  Words upper = *word >> 16, lower = *word & 0xFFFFu;
  Values high, low, exponent;
  value(&upper, &high);
  value(&lower, &low);
  Words bits = (Words)((high * 0x1p16f + (low + 0.5f)) * 0x1p-32f);
  // u = 2^e f with f in [sqrt(1/2), sqrt(2)).
  Words shifted = bits - 0x3F3504F3u, power = (shifted + 0x40000000u) >> 23;
  value(&power, &exponent);
  exponent -= 128.0f;
  Values f = (Values)((shifted & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
  Values p = (Values){0} + 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  Values square = f * f;
  Values logarithm =
      exponent * 0.693359375f + (f - 0.5f * square + (f * square * p - exponent * 2.12194440e-4f));
  *result = __builtin_elementwise_sqrt(-2.0f * logarithm);
}

/// sin and cos of 2 pi word / 2^32.
INLINE void sine_and_cosine(const Words *word, Values *sine, Values *cosine) {
  // The angle is quadrant * pi/2 + t with t = (remainder - 2^29) * 2 pi / 2^32 in [-pi/4, pi/4).
  Words quadrant = (*word + 0x20000000u) >> 30, remainder = (*word + 0x20000000u) & 0x3FFFFFFFu;
  Words upper = remainder >> 16, lower = remainder & 0xFFFFu;
  Values high, low;
  value(&upper, &high);
  value(&lower, &low);
  Values t = ((high - 0x1p13f) * 0x1p16f + low) * 1.4629180792671596e-9f;
  Values z = t * t;
  Values s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * t + t;
  Values c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z -
             0.5f * z + 1.0f;
  Words odd = -(quadrant & 1u), i = (Words)s, j = (Words)c;
  *sine = (Values)(((j & odd) | (i & ~odd)) ^ ((quadrant & 2u) << 30));
  *cosine = (Values)(((i & odd) | (j & ~odd)) ^ (((quadrant + 1u) & 2u) << 30));
}

/// Sixty-four normals. Of every four blocks the first two make the radii of eight pairs and the others their angles; the
/// cosines come first.
INLINE void sixty_four(uint64_t seed, uint64_t stream, uint64_t row, uint32_t block, float *values) {
  Wide first = {0, 1, 4, 5, 8, 9, 12, 13};
  first += (uint64_t)block;
  Wide second = first + 2;
  Words radii[4], angles[4];
  philox(&first, stream, row, seed, radii);
  philox(&second, stream, row, seed, angles);
  Values x[4], y[4];
  for (int j = 0; j < 4; j++) {
    Values r, sine, cosine;
    radius(&radii[j], &r);
    sine_and_cosine(&angles[j], &sine, &cosine);
    x[j] = r * cosine;
    y[j] = r * sine;
  }
  // Lane k has the words of block k: four by four they are turned.
  for (int half = 0; half < 2; half++) {
    const Values *v = half ? y : x;
    for (int k = 0; k < 8; k++) {
      float *target = values + 16 * (k / 2) + 8 * half + 4 * (k % 2);
      for (int j = 0; j < 4; j++) target[j] = v[j][k];
    }
  }
}

CLONES void firetree_normals(uint64_t seed, uint32_t stream, uint64_t row, float *values, size_t count) {
  uint32_t block = 0;
  size_t position = 0;
  for (; position + NORMALS <= count; position += NORMALS, block += BLOCKS)
    sixty_four(seed, stream, row, block, values + position);
  if (position == count) return;
  float last[NORMALS];
  sixty_four(seed, stream, row, block, last);
  memcpy(values + position, last, (count - position) * sizeof(float));
}
