// Products of rows of channels, which all kernels of the operators are made of. `pdes/lanes.h` precedes this file.
//
// Fields lie in memory with the channels of a point next to each other; so do the Fourier coefficients. What is worked on has whole
// vectors in each row, with zeros behind the last channel.

namespace {

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
constexpr int most_rows(int vectors) { return vectors == 2 ? 6 : 8; }

template <int R, int N>
inline void product_tile(Rows<V> y, Rows<const V> start, Rows<const T> x, Rows<const V> table, int64_t depth) {
  V sum[R][N];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < N; ++v) sum[r][v] = start[r][v];
  for (int64_t k = 0; k < depth; ++k, ++x.at, table.at += table.stride)
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < N; ++v) sum[r][v] += *x[r] * table.at[v];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < N; ++v) y[r][v] = sum[r][v];
}

template <int R, int N>
inline void outer_tile(Rows<V> sums, Rows<const T> g, Rows<const V> x, int64_t depth) {
  V sum[R][N];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < N; ++v) sum[r][v] = sums[r][v];
  for (int64_t k = 0; k < depth; ++k, g.at += g.stride, x.at += x.stride)
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < N; ++v) sum[r][v] += g.at[r] * x.at[v];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < N; ++v) sums[r][v] = sum[r][v];
}

// tile(R) with R = rows, known to the compiler.
template <int R, class F>
inline void with_rows(int64_t rows, F tile) {
  if (rows == R) return tile(std::integral_constant<int, R>());
  if constexpr (R > 1) with_rows<R - 1>(rows, tile);
}

// Calls tile(R, N, row, column) for all tiles of so many rows and vectors; the rows are shared out evenly, as low tiles are slow.
template <int N, class F>
inline void tile_rows(int64_t rows, int64_t column, F tile) {
  for (int64_t row = 0, left = (rows + most_rows(N) - 1) / most_rows(N); left > 0; --left) {
    const int64_t some = (rows - row + left - 1) / left;
    with_rows<most_rows(N)>(some, [&](auto R) { tile(R, std::integral_constant<int, N>(), row, column); });
    row += some;
  }
}

template <class F>
inline void tiles(int64_t rows, int64_t vectors, F tile) {
  int64_t column = 0;
  for (; column + 2 <= vectors; column += 2) tile_rows<2>(rows, column, tile);
  if (column < vectors) tile_rows<1>(rows, column, tile);
}

// y[row] = start[row] + Σₖ x[row][k] table[k], rows of so many vectors.
inline void product(
    Rows<V> y, Rows<const V> start, Rows<const T> x, Rows<const V> table, int64_t rows, int64_t depth, int64_t vectors) {
  tiles(rows, vectors, [&](auto R, auto N, int64_t row, int64_t v) {
    product_tile<R, N>(y.from(row, v), start.from(row, v), x.from(row), table.from(0, v), depth);
  });
}

// sums[row] += Σₖ g[k][row] x[k], over `depth` rows of g and x.
inline void outer(Rows<V> sums, Rows<const T> g, Rows<const V> x, int64_t rows, int64_t depth, int64_t vectors) {
  tiles(rows, vectors, [&](auto R, auto N, int64_t row, int64_t v) {
    outer_tile<R, N>(sums.from(row, v), g.from(0, row), x.from(0, v), depth);
  });
}

// Points from and to fields: rows of whole vectors here, channels without a gap there.
inline void load(V* to, const T* from, int64_t points, int64_t channels) {
  const int64_t vectors = vectors_of(channels);
  if (channels == vectors * LANES) return void(std::memcpy(to, from, points * vectors * sizeof(V)));
  for (int64_t p = 0; p < points; ++p, to += vectors, from += channels) {
    to[vectors - 1] = V{};
    std::memcpy(to, from, channels * sizeof(T));
  }
}

// The same points where they lie, if that will do; `to` is filled otherwise.
inline const V* loaded(V* to, const T* from, int64_t points, int64_t channels) {
  if (channels % LANES == 0 && reinterpret_cast<uintptr_t>(from) % sizeof(V) == 0) return reinterpret_cast<const V*>(from);
  load(to, from, points, channels);
  return to;
}

inline void store(T* to, const V* from, int64_t points, int64_t channels) {
  const int64_t vectors = vectors_of(channels);
  if (channels == vectors * LANES) return void(std::memcpy(to, from, points * vectors * sizeof(V)));
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
