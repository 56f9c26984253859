// Numbers in vectors, and what kernels do with them. What precedes this file defines the number type T and VECTOR_BYTES.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <type_traits>
#include <vector>
#ifdef _OPENMP
#include <omp.h>
#else
int omp_get_thread_num() { return 0; }
#endif

namespace {  // several of these libraries live in one process

constexpr int LANES = VECTOR_BYTES / sizeof(T);
typedef T V __attribute__((vector_size(VECTOR_BYTES)));
using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
typedef Bits I __attribute__((vector_size(VECTOR_BYTES)));
using Buffer = std::vector<V>;

// e^x by 2^n e^r with |r| <= ln(2)/2 and the exponential series of r; NaN stays NaN, and what would over- or underflow is clamped.
inline V exponential(V x) {
  constexpr T most = sizeof(T) == 4 ? 87 : 708;
  constexpr int mantissa = sizeof(T) == 4 ? 23 : 52, terms = sizeof(T) == 4 ? 7 : 13;
  constexpr T magic = T(3) * (Bits(1) << (mantissa - 1));  // adding it rounds to a whole number
  constexpr T ln2 = T(0.693147180559945309417), high = T(0.693359375), low = T(-2.121944400546905827679e-4);
  x = x > most ? V{} + most : x < -most ? V{} - most : x;
  const V shifted = x * (1 / ln2) + magic, n = shifted - magic, r = (x - n * high) - n * low;
  V series = V{} + 1;
  for (int k = terms; k > 0; --k) series = 1 + series * r * (T(1) / k);
  constexpr Bits bias = sizeof(T) == 4 ? 127 : 1023;
  V anchor = V{} + magic;
  const I power = (((I)shifted - (I)anchor) + bias) << mantissa;
  return series * (V)power;
}

}  // namespace
