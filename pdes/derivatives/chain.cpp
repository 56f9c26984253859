// A chain of linear maps and activations on jets, block of points by block of points, forward and backward.
//
// In a block each derivative of each feature is a row of POINTS numbers, so that all loops run along the points, whatever the
// widths of the network, and everything that is done to a block stays in the cache. What precedes this file defines the number
// type T; `pdes/derivatives/fused_chain.py` generates that and the rules of the segments, and calls `forward` and `backward`.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>
#ifdef _OPENMP
#include <omp.h>
#else
int omp_get_thread_num() { return 0; }
#endif

namespace {  // several of these libraries live in one process

constexpr int LANES = 32 / sizeof(T);
typedef T V __attribute__((vector_size(32)));
using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
typedef Bits I __attribute__((vector_size(32)));
constexpr int VECTORS = 3;
constexpr int POINTS = VECTORS * LANES;
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

// RULES

int64_t blocks_of(int64_t points) { return (points + POINTS - 1) / POINTS; }

struct Step {
  int64_t linear, in, out;
  const T *weight, *bias;  // of a linear map; no bias: null
  T *weight_grad, *bias_grad;  // null where they are not wanted
};

struct Call {
  const T* input;
  T* output;
  V* saved;
  const T* output_grad;
  T* input_grad;  // null where it is not wanted
  int64_t threads, widest, steps;
  const Step* step;
  const int64_t *offsets, *stops;

  explicit Call(const int64_t* all) {
    static_assert(sizeof(Step) == 7 * sizeof(int64_t));
    std::memcpy(this, all, 8 * sizeof(int64_t));
    step = reinterpret_cast<const Step*>(all + 8);
    offsets = all + 8 + 7 * steps;
    stops = offsets + DERIVATIVES;
  }
  int64_t start(int segment) const { return segment ? stops[segment - 1] : 0; }
  const Step* begin() const { return step; }
  const Step* end() const { return step + steps; }
};

// What the activations of a chain save for one block: z and the bases.
template <class S>
int64_t saved_size(const Call& call) {
  int64_t size = 0;
  for (const Step& step : call)
    if (!step.linear) size += (S::count + BASES) * step.in * VECTORS;
  return size;
}

template <class S>
void load(const Call& call, const T* rows, int64_t width, int64_t point, int64_t points, V* to) {
  for (int a = 0; a < S::count; ++a) {
    const T* from = rows + (call.offsets[S::active[a]] + point) * width;
    for (int64_t f = 0; f < width; ++f, to += VECTORS) {
      T numbers[POINTS] = {};
      for (int64_t p = 0; p < points; ++p) numbers[p] = from[p * width + f];
      std::memcpy(to, numbers, sizeof numbers);
    }
  }
}

template <class S>
void store(const Call& call, T* rows, int64_t width, int64_t point, int64_t points, const V* from) {
  for (int a = 0; a < S::count; ++a) {
    T* to = rows + (call.offsets[S::active[a]] + point) * width;
    for (int64_t f = 0; f < width; ++f, from += VECTORS) {
      T numbers[POINTS];
      std::memcpy(numbers, from, sizeof numbers);
      for (int64_t p = 0; p < points; ++p) to[p * width + f] = numbers[p];
    }
  }
}

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

template <class S, int N, int M>
inline void outer_tile(V* sums, const V* g, const V* x, int64_t rows, int64_t columns) {
  V sum[N][M] = {};
  for (int a = 0; a < S::count; ++a, g += rows * VECTORS, x += columns * VECTORS)
    for (int v = 0; v < VECTORS; ++v)
      for (int j = 0; j < N; ++j)
        for (int k = 0; k < M; ++k) sum[j][k] += g[j * VECTORS + v] * x[k * VECTORS + v];
  for (int j = 0; j < N; ++j)
    for (int k = 0; k < M; ++k) sums[j * columns + k] += sum[j][k];
}

template <class S, int N>
inline void outer_rows(V* sums, const V* g, const V* x, int64_t rows, int64_t columns) {
  int64_t k = 0;
  for (; k + 3 <= columns; k += 3) outer_tile<S, N, 3>(sums + k, g, x + k * VECTORS, rows, columns);
  if (columns - k == 2) outer_tile<S, N, 2>(sums + k, g, x + k * VECTORS, rows, columns);
  if (columns - k == 1) outer_tile<S, N, 1>(sums + k, g, x + k * VECTORS, rows, columns);
}

// sums[j, k] += g[j] x[k] over all derivatives; the lanes are added up at the end.
template <class S>
inline void outer(V* sums, const V* g, const V* x, int64_t rows, int64_t columns) {
  int64_t j = 0;
  for (; j + 4 <= rows; j += 4) outer_rows<S, 4>(sums + j * columns, g + j * VECTORS, x, rows, columns);
  sums += j * columns, g += j * VECTORS;
  if (rows - j == 3) outer_rows<S, 3>(sums, g, x, rows, columns);
  if (rows - j == 2) outer_rows<S, 2>(sums, g, x, rows, columns);
  if (rows - j == 1) outer_rows<S, 1>(sums, g, x, rows, columns);
}

// σ(z), with the bases of σ given.
template <class S>
inline void compose(V* to, const V* z, const V* bases, int64_t width) {
  const int64_t size = width * VECTORS;
  for (int64_t i = 0; i < size; ++i) S::compose(bases + i * BASES, z + i, to + i, size);
}

template <class S>
void forward_segment(const Call& call, int64_t start, int64_t stop, V* saved) {
  const int64_t blocks = blocks_of(stop - start), size = saved_size<S>(call);
#pragma omp parallel num_threads(call.threads) if (call.threads > 1)
  {
    Buffer x(S::count * call.widest * VECTORS), y(x.size()), bases(BASES * call.widest * VECTORS);
#pragma omp for schedule(static)
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t point = start + block * POINTS, points = std::min<int64_t>(POINTS, stop - point);
      V* kept = saved + block * size;
      load<S>(call, call.input, call.step->in, point, points, x.data());
      for (const Step& step : call) {
        if (step.linear) {
          for (int a = 0; a < S::count; ++a)
            product(&y[a * step.out * VECTORS], &x[a * step.in * VECTORS], step.weight, step.in, 1, step.out, step.in);
          if (step.bias)
            for (int64_t i = 0; i < step.out * VECTORS; ++i) y[i] += step.bias[i / VECTORS];
        } else {
          for (int64_t i = 0; i < step.in * VECTORS; ++i) find_bases(x[i], &bases[i * BASES]);
          compose<S>(y.data(), x.data(), bases.data(), step.in);
          kept = std::copy_n(x.data(), S::count * step.in * VECTORS, kept);
          kept = std::copy_n(bases.data(), BASES * step.in * VECTORS, kept);
        }
        x.swap(y);
      }
      store<S>(call, call.output, call.step[call.steps - 1].out, point, points, x.data());
    }
  }
}

template <class S>
void backward_segment(const Call& call, int64_t start, int64_t stop, const V* saved, std::vector<Buffer>& sums) {
  const int64_t blocks = blocks_of(stop - start), size = saved_size<S>(call);
#pragma omp parallel num_threads(call.threads) if (call.threads > 1)
  {
    Buffer x(S::count * call.widest * VECTORS), g(x.size()), next(x.size());
    Buffer& mine = sums[omp_get_thread_num()];
#pragma omp for schedule(static)
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t point = start + block * POINTS, points = std::min<int64_t>(POINTS, stop - point);
      const V* kept = saved + (block + 1) * size;
      V* sum = mine.data() + mine.size();
      load<S>(call, call.output_grad, call.step[call.steps - 1].out, point, points, g.data());
      for (const Step* step = call.end() - 1; step >= call.begin(); --step) {
        const bool first = step == call.begin();
        if (!step->linear) {
          const int64_t width = step->in * VECTORS;
          const V *bases = kept - BASES * width, *z = bases - S::count * width;
          for (int64_t i = 0; i < width; ++i) S::compose_backward(bases + i * BASES, z + i, &g[i], width);
          kept = z;
          continue;
        }
        if (step->weight_grad) {
          if (first) {
            load<S>(call, call.input, step->in, point, points, x.data());
          } else {
            const V* bases = kept - BASES * step->in * VECTORS;
            compose<S>(x.data(), bases - S::count * step->in * VECTORS, bases, step->in);
          }
          sum -= step->out * step->in;
          outer<S>(sum, g.data(), x.data(), step->out, step->in);
        }
        if (step->bias_grad) {
          sum -= step->out;
          for (int64_t i = 0; i < step->out * VECTORS; ++i) sum[i / VECTORS] += g[i];
        }
        if (first && !call.input_grad) break;
        for (int a = 0; a < S::count; ++a)
          product(&next[a * step->in * VECTORS], &g[a * step->out * VECTORS], step->weight, 1, step->in, step->in, step->out);
        g.swap(next);
      }
      if (call.input_grad) store<S>(call, call.input_grad, call.step->in, point, points, g.data());
    }
  }
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

// What a segment saves.
template <int N>
int64_t saved_part(const Call& call) {
  return blocks_of(call.stops[N] - call.start(N)) * saved_size<Segment<N>>(call);
}

template <int N = 0>
void forward_from(const Call& call, V* saved) {
  if constexpr (N < SEGMENTS) {
    forward_segment<Segment<N>>(call, call.start(N), call.stops[N], saved);
    forward_from<N + 1>(call, saved + saved_part<N>(call));
  }
}

template <int N = 0>
void backward_from(const Call& call, const V* saved, std::vector<Buffer>& sums) {
  if constexpr (N < SEGMENTS) {
    backward_segment<Segment<N>>(call, call.start(N), call.stops[N], saved, sums);
    backward_from<N + 1>(call, saved + saved_part<N>(call), sums);
  }
}

template <int N = 0>
int64_t saved_from(const Call& call) {
  if constexpr (N < SEGMENTS) return saved_part<N>(call) + saved_from<N + 1>(call);
  return 0;
}

}  // namespace

// Bytes that `forward` saves for `backward`.
extern "C" int64_t saved_bytes(const int64_t* all) { return saved_from(Call(all)) * sizeof(V); }

extern "C" void forward(const int64_t* all) {
  const Call call(all);
  forward_from(call, call.saved);
}

extern "C" void backward(const int64_t* all) {
  const Call call(all);
  int64_t size = 0;
  for (const Step& step : call) size += (step.weight_grad ? step.out * step.in : 0) + (step.bias_grad ? step.out : 0);
  std::vector<Buffer> sums(call.threads, Buffer(size));
  backward_from(call, call.saved, sums);
  int64_t at = 0;
  for (const Step& step : call) {
    // in the reverse of the order in which `backward_segment` goes down
    if (step.bias_grad) add_up(sums, at, step.out, step.bias_grad), at += step.out;
    if (step.weight_grad) add_up(sums, at, step.out * step.in, step.weight_grad), at += step.out * step.in;
  }
}
