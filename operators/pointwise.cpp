// Two dense layers on the channels of each point, W2 gelu(W1 x + b1) + b2, block of points by block of points.
//
// What lies between them is never written to memory: the backward pass makes it again. `operators/channels.h` precedes this file.

namespace {

template <int N, size_t TERMS>
inline void polynomials(V* y, const V* x, const T (&coefficients)[TERMS]) {
  for (int n = 0; n < N; ++n) y[n] = V{} + coefficients[TERMS - 1];
  for (int k = TERMS - 2; k >= 0; --k)
    for (int n = 0; n < N; ++n) y[n] = y[n] * x[n] + coefficients[k];
}

// N vectors at a time: their chains of sums overlap. gelu(x) = max(x, 0) - |x| Φ(-|x|), with slope Φ(-|x|) - |x| φ(x) or 1 less that, Φ the normal
// distribution and φ its density; from 5.6 on neither matters. Φ is a rational function, to 1e-8, and φ the 16th power of a polynomial, to
// 3e-7; both fitted by least squares with weights.
template <int N, bool SLOPE>
inline void gelu_of(V* x, V* slope) {
  constexpr T above[] = {T(0.3989422215629525),    T(0.03437600478533259),  T(0.004707252992818363),
                         T(1.7384970130232755e-4), T(6.356525016211305e-6), T(2.2145391660835236e-8)};
  constexpr T below[] = {1, T(0.2528335786666407), T(0.02894002882857897), T(0.0019129726642018237), T(7.510159706058489e-5), T(1.180213810166206e-6)};
  constexpr T root[] = {T(0.9441845073686691),     T(-0.02950571151519316),    T(4.610016665944285e-4), T(-4.7976584952213015e-6),
                        T(3.710099366417808e-8), T(-2.1494173160623042e-10), T(7.426096614245789e-13)};
  V size[N], square[N], tail[N], denominator[N];
  for (int n = 0; n < N; ++n) {
    const V absolute = x[n] < 0 ? -x[n] : x[n], most = V{} + T(5.6);
    size[n] = absolute > most ? most : absolute;  // NaN stays NaN
    square[n] = size[n] * size[n];
  }
  polynomials<N>(tail, square, above);
  polynomials<N>(denominator, square, below);
  for (int n = 0; n < N; ++n) tail[n] = T(0.5) - size[n] * tail[n] / denominator[n];
  if constexpr (SLOPE) {
    V density[N];
    polynomials<N>(density, square, root);
    for (int n = 0; n < N; ++n) {
      for (int k = 0; k < 4; ++k) density[n] *= density[n];
      const V left = tail[n] - size[n] * density[n];
      slope[n] = x[n] > 0 ? 1 - left : left;
    }
  }
  for (int n = 0; n < N; ++n) x[n] = (x[n] < 0 ? V{} : x[n]) - size[n] * tail[n];
}

// x becomes gelu(x).
inline void gelu(V* x, int64_t size) {
  int64_t i = 0;
  for (; i + 4 <= size; i += 4) gelu_of<4, false>(x + i, nullptr);
  for (; i < size; ++i) gelu_of<1, false>(x + i, nullptr);
}

// The same, with its derivative.
inline void gelu(V* x, V* slope, int64_t size) {
  int64_t i = 0;
  for (; i + 4 <= size; i += 4) gelu_of<4, true>(x + i, slope + i);
  for (; i < size; ++i) gelu_of<1, true>(x + i, slope + i);
}

struct Layer {
  int64_t in, out;
  const T *weight, *bias;         // no bias: null
  T *weight_grad, *bias_grad;
};

// A dense layer that is ready to work on rows of whole vectors.
struct Dense {
  Layer layer;
  int64_t in, out;                // in vectors
  Buffer weight, transposed, bias, zero;

  explicit Dense(const Layer& layer)
      : layer(layer), in(vectors_of(layer.in)), out(vectors_of(layer.out)), weight(layer.out * in), transposed(layer.in * out), bias(out), zero(in) {
    load(weight.data(), layer.weight, layer.out, layer.in);
    T* to = reinterpret_cast<T*>(transposed.data());
    for (int64_t o = 0; o < layer.out; ++o)
      for (int64_t i = 0; i < layer.in; ++i) to[i * out * LANES + o] = layer.weight[o * layer.in + i];
    if (layer.bias) load(bias.data(), layer.bias, 1, layer.out);
  }
  void forward(V* y, const V* x, int64_t points) const { onto({bias.data(), 0}, y, x, points); }
  void onto(Rows<const V> start, V* y, const V* x, int64_t points) const {
    product({y, out}, start, numbers(x, in), {transposed.data(), out}, points, layer.in, out);
  }
  void by_input(V* gx, const V* gy, int64_t points) const {
    product({gx, in}, {zero.data(), 0}, numbers(gy, out), {weight.data(), in}, points, layer.out, in);
  }
};

// The sums of a layer's gradients in one thread.
struct Sums {
  const Dense& dense;
  Buffer weight, bias;
  explicit Sums(const Dense& dense) : dense(dense), weight(dense.weight.size()), bias(dense.out) {}
  void collect(const V* gy, const V* x, int64_t points) {
    outer({weight.data(), dense.in}, numbers(gy, dense.out), {x, dense.in}, dense.layer.out, points, dense.in);
    for (int64_t v = 0; v < dense.out; ++v) {
      V sum = bias[v];
      for (int64_t p = 0; p < points; ++p) sum += gy[p * dense.out + v];
      bias[v] = sum;
    }
  }
};

void add_to(Buffer& sum, const Buffer& other) {
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += other[i];
}

// Threads in a fixed order.
void finish(std::vector<Sums>& threads) {
  Sums& sum = threads[0];
  for (size_t i = 1; i < threads.size(); ++i) add_to(sum.weight, threads[i].weight), add_to(sum.bias, threads[i].bias);
  const Layer& layer = sum.dense.layer;
  if (layer.weight_grad) store(layer.weight_grad, sum.weight.data(), layer.out, layer.in);
  if (layer.bias_grad) store(layer.bias_grad, sum.bias.data(), 1, layer.out);
}

// Points that are taken at a time: as many as suit the caches with so many vectors each, a multiple of 6.
int64_t block_of(int64_t vectors) { return std::clamp<int64_t>(3072 / vectors / 6 * 6, 12, 48); }

struct MLP {
  const T *x, *output_grad;
  T *output, *input_grad;
  int64_t points, threads;
  Layer first, second;
};

// x becomes x y.
inline void times(V* x, const V* y, int64_t size) {
  for (int64_t i = 0; i < size; ++i) x[i] *= y[i];
}

}  // namespace

extern "C" void mlp_forward(const MLP* call) {
  const MLP& c = *call;
  const Dense first(c.first), second(c.second);
  const int64_t size = block_of(first.in + first.out + second.out);
  in_parallel(c.points, size, c.threads, [&](int) {
    return [&, x = Buffer(size * first.in), h = Buffer(size * first.out), y = Buffer(size * second.out)](int64_t start, int64_t end) mutable {
      const int64_t points = end - start;
      first.forward(h.data(), loaded(x.data(), c.x + start * c.first.in, points, c.first.in), points);
      gelu(h.data(), points * first.out);
      second.forward(y.data(), h.data(), points);
      store(c.output + start * c.second.out, y.data(), points, c.second.out);
    };
  });
}

extern "C" void mlp_backward(const MLP* call) {
  const MLP& c = *call;
  const Dense first(c.first), second(c.second);
  std::vector<Sums> first_sums(c.threads, Sums(first)), second_sums(c.threads, Sums(second));
  const int64_t all = 2 * first.in + 3 * first.out + second.out, size = block_of(all);
  in_parallel(c.points, size, c.threads, [&](int thread) {
    return [&, thread, memory = Buffer(size * all)](int64_t start, int64_t end) mutable {
      const int64_t points = end - start;
      V *copy = memory.data(), *gx = copy + size * first.in, *h = gx + size * first.in, *slope = h + size * first.out;
      V *gh = slope + size * first.out, *grad_copy = gh + size * first.out;
      const V* x = loaded(copy, c.x + start * c.first.in, points, c.first.in);
      const V* gy = loaded(grad_copy, c.output_grad + start * c.second.out, points, c.second.out);
      first.forward(h, x, points);
      gelu(h, slope, points * first.out);
      second_sums[thread].collect(gy, h, points);
      second.by_input(gh, gy, points);
      times(gh, slope, points * first.out);
      first_sums[thread].collect(gh, x, points);
      if (!c.input_grad) return;
      first.by_input(gx, gh, points);
      store(c.input_grad + start * c.first.in, gx, points, c.first.in);
    };
  });
  finish(first_sums);
  finish(second_sums);
}
