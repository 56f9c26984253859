// What kernels share that take some points at a time through dense layers: rows of POINTS numbers, one for each feature.
//
// All loops run along the points, whatever the number of features. `lanes.h` precedes this file.

namespace {

constexpr int VECTORS = 3;
constexpr int POINTS = VECTORS * LANES;

int64_t blocks_of(int64_t points) { return (points + POINTS - 1) / POINTS; }

template <int N>
inline void product_rows(V* y, const V* x, const T* w, int64_t by_row, int64_t by_column, int64_t columns) {
  V sum[N][VECTORS] = {};
  for (int64_t k = 0; k < columns; ++k)
    for (int j = 0; j < N; ++j)
      for (int v = 0; v < VECTORS; ++v) sum[j][v] += w[j * by_row + k * by_column] * x[k * VECTORS + v];
  std::memcpy(y, sum, sizeof sum);
}

// y = W x, with W[j, k] at w[j by_row + k by_column].
inline void product(V* y, const V* x, const T* w, int64_t by_row, int64_t by_column, int64_t rows, int64_t columns) {
  int64_t j = 0;
  for (; j + 4 <= rows; j += 4) product_rows<4>(y + j * VECTORS, x, w + j * by_row, by_row, by_column, columns);
  y += j * VECTORS, w += j * by_row;
  if (rows - j == 3) product_rows<3>(y, x, w, by_row, by_column, columns);
  if (rows - j == 2) product_rows<2>(y, x, w, by_row, by_column, columns);
  if (rows - j == 1) product_rows<1>(y, x, w, by_row, by_column, columns);
}

template <int COUNT, int N, int M>
inline void outer_tile(V* sums, const V* g, const V* x, int64_t rows, int64_t columns) {
  V sum[N][M] = {};
  for (int a = 0; a < COUNT; ++a, g += rows * VECTORS, x += columns * VECTORS)
    for (int v = 0; v < VECTORS; ++v)
      for (int j = 0; j < N; ++j)
        for (int k = 0; k < M; ++k) sum[j][k] += g[j * VECTORS + v] * x[k * VECTORS + v];
  for (int j = 0; j < N; ++j)
    for (int k = 0; k < M; ++k) sums[j * columns + k] += sum[j][k];
}

template <int COUNT, int N>
inline void outer_rows(V* sums, const V* g, const V* x, int64_t rows, int64_t columns) {
  int64_t k = 0;
  for (; k + 3 <= columns; k += 3) outer_tile<COUNT, N, 3>(sums + k, g, x + k * VECTORS, rows, columns);
  if (columns - k == 2) outer_tile<COUNT, N, 2>(sums + k, g, x + k * VECTORS, rows, columns);
  if (columns - k == 1) outer_tile<COUNT, N, 1>(sums + k, g, x + k * VECTORS, rows, columns);
}

// sums[j, k] += g[j] x[k] over COUNT blocks one after another; the lanes are added up at the end.
template <int COUNT>
inline void outer(V* sums, const V* g, const V* x, int64_t rows, int64_t columns) {
  int64_t j = 0;
  for (; j + 4 <= rows; j += 4) outer_rows<COUNT, 4>(sums + j * columns, g + j * VECTORS, x, rows, columns);
  sums += j * columns, g += j * VECTORS;
  if (rows - j == 3) outer_rows<COUNT, 3>(sums, g, x, rows, columns);
  if (rows - j == 2) outer_rows<COUNT, 2>(sums, g, x, rows, columns);
  if (rows - j == 1) outer_rows<COUNT, 1>(sums, g, x, rows, columns);
}

// The lanes of all threads' sums, in a fixed order.
void add_up(const std::vector<Buffer>& sums, int64_t at, int64_t size, T* to) {
  for (int64_t i = 0; i < size; ++i) {
    V total = V{};
    for (const Buffer& sum : sums) total += sum[at + i];
    to[i] = 0;
    for (int lane = 0; lane < LANES; ++lane) to[i] += total[lane];
  }
}

}  // namespace
