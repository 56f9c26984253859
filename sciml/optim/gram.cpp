// The Gram matrix of m rows of numbers T, summed in double precision: each block of columns is read and converted once.
#include <algorithm>
#include <cstdint>
#include <vector>
#ifdef _OPENMP
#include <omp.h>
#else
int omp_get_thread_num() { return 0; }
#endif

namespace {  // several of these libraries live in one process

typedef double V __attribute__((vector_size(32)));
constexpr int LANES = 4, SUMS = 4, BLOCK = 512;

// Several sums at a time, since one alone would wait for itself.
double dot(const V* a, const V* b) {
  V sum[SUMS] = {};
  for (int i = 0; i < BLOCK / LANES; i += SUMS)
    for (int k = 0; k < SUMS; ++k) sum[k] += a[i + k] * b[i + k];
  const V total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  return (total[0] + total[1]) + (total[2] + total[3]);
}

}  // namespace

// gram (m, m) of rows (m, length), of which each starts `stride` numbers after the one before.
extern "C" void gram(const T* rows, int64_t m, int64_t length, int64_t stride, double* gram, int64_t threads) {
  std::vector<std::vector<double>> parts(threads, std::vector<double>(m * m));
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    std::vector<double>& part = parts[omp_get_thread_num()];
    std::vector<V> block(m * BLOCK / LANES);
#pragma omp for schedule(static)
    for (int64_t start = 0; start < length; start += BLOCK) {
      const int64_t size = std::min<int64_t>(BLOCK, length - start);
      for (int64_t i = 0; i < m; ++i) {
        double* to = reinterpret_cast<double*>(&block[i * BLOCK / LANES]);
        const T* from = rows + i * stride + start;
        if (size < BLOCK) std::fill_n(to, BLOCK, 0.0);
        for (int64_t p = 0; p < size; ++p) to[p] = from[p];
        for (int64_t j = 0; j <= i; ++j) part[i * m + j] += dot(&block[i * BLOCK / LANES], &block[j * BLOCK / LANES]);
      }
    }
  }
  // in a fixed order
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (const std::vector<double>& part : parts) sum += part[i * m + j];
      gram[i * m + j] = gram[j * m + i] = sum;
    }
}
