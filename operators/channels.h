// Products of rows of channels, which all kernels of the operators are made of. `pdes/lanes.h` precedes this file.
//
// Fields lie in memory with the channels of a point next to each other; so do the Fourier coefficients. What is worked on has whole
// vectors in each row, with zeros behind the last channel.

namespace {

typedef T U __attribute__((vector_size(32), aligned(sizeof(T)), may_alias));  // anywhere in memory

inline int64_t vectors_of(int64_t channels) { return (channels + LANES - 1) / LANES; }

// Rows that start `stride` numbers or vectors apart.
template <class P>
struct Rows {
  P* at;
  int64_t stride;
  P* operator[](int64_t row) const { return at + row * stride; }
  Rows from(int64_t row, int64_t column = 0) const { return {at + row * stride + column, stride}; }
};

inline Rows<const T> numbers(const V* at, int64_t vectors) { return {reinterpret_cast<const T*>(at), vectors * LANES}; }

// The sums of a tile stay in registers: 6 rows of 2 vectors, or 8 of one, ran at 90 % and 80 % of the peak, 3 of 4 at 75 %.
template <int R, int N>
inline void product_rows(Rows<V> y, Rows<const V> start, Rows<const T> x, Rows<const V> table, int64_t rows, int64_t depth) {
  int64_t row = 0;
  for (; row + R <= rows; row += R) {
    V sum[R][N];
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < N; ++v) sum[r][v] = start[row + r][v];
    const T* from = x[row];
    const V* entry = table.at;
    for (int64_t k = 0; k < depth; ++k, ++from, entry += table.stride)
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < N; ++v) sum[r][v] += from[r * x.stride] * entry[v];
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < N; ++v) y[row + r][v] = sum[r][v];
  }
  if constexpr (R > 1)
    if (row < rows) product_rows<R - 1, N>(y.from(row), start.from(row), x.from(row), table, rows - row, depth);
}

// y[row] = start[row] + Σₖ x[row][k] table[k], rows of so many vectors.
inline void product(
    Rows<V> y, Rows<const V> start, Rows<const T> x, Rows<const V> table, int64_t rows, int64_t depth, int64_t vectors) {
  int64_t v = 0;
  for (; v + 2 <= vectors; v += 2) product_rows<6, 2>(y.from(0, v), start.from(0, v), x, table.from(0, v), rows, depth);
  if (v < vectors) product_rows<8, 1>(y.from(0, v), start.from(0, v), x, table.from(0, v), rows, depth);
}

template <int R, int N>
inline void outer_rows(Rows<V> sums, Rows<const T> g, Rows<const V> x, int64_t rows, int64_t depth) {
  int64_t row = 0;
  for (; row + R <= rows; row += R) {
    V sum[R][N];
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < N; ++v) sum[r][v] = sums[row + r][v];
    const T* left = g.at + row;
    const V* right = x.at;
    for (int64_t k = 0; k < depth; ++k, left += g.stride, right += x.stride)
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < N; ++v) sum[r][v] += left[r] * right[v];
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < N; ++v) sums[row + r][v] = sum[r][v];
  }
  if constexpr (R > 1)
    if (row < rows) outer_rows<R - 1, N>(sums.from(row), g.from(0, row), x, rows - row, depth);
}

// sums[row] += Σₖ g[k][row] x[k], over `depth` rows of g and x.
inline void outer(Rows<V> sums, Rows<const T> g, Rows<const V> x, int64_t rows, int64_t depth, int64_t vectors) {
  int64_t v = 0;
  for (; v + 2 <= vectors; v += 2) outer_rows<6, 2>(sums.from(0, v), g, x.from(0, v), rows, depth);
  if (v < vectors) outer_rows<8, 1>(sums.from(0, v), g, x.from(0, v), rows, depth);
}

// Points from and to fields: rows of whole vectors here, channels without a gap there.
inline void load(V* to, const T* from, int64_t points, int64_t channels) {
  const int64_t vectors = vectors_of(channels);
  if (channels == vectors * LANES) std::memcpy(to, from, points * vectors * sizeof(V));
  else
    for (int64_t p = 0; p < points; ++p, to += vectors, from += channels) {
      to[vectors - 1] = V{};
      std::memcpy(to, from, channels * sizeof(T));
    }
}

inline void store(T* to, const V* from, int64_t points, int64_t channels) {
  const int64_t vectors = vectors_of(channels);
  if (channels == vectors * LANES) std::memcpy(to, from, points * vectors * sizeof(V));
  else
    for (int64_t p = 0; p < points; ++p, from += vectors, to += channels) std::memcpy(to, from, channels * sizeof(T));
}

// Calls each(scratch)(start, end) for ranges of up to `size` out of `total`, in parallel; make() gives each thread its scratch.
template <class Make>
void in_parallel(int64_t total, int64_t size, int64_t threads, Make make) {
  const int64_t ranges = (total + size - 1) / size;
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    auto work = make(omp_get_thread_num());
#pragma omp for schedule(static)
    for (int64_t range = 0; range < ranges; ++range) work(range * size, std::min(total, (range + 1) * size));
  }
}

}  // namespace
