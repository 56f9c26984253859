// The pointwise maps of neural operators on fields (channels, points), block of points by block of points.
//
// `mlp`: W2 gelu(W1 x + b1) + b2. `block`, the pointwise part of an FNO's layer: y = σ(s + b + W x), then
// σ(MLP(y) + gate x), σ the gelu or nothing. What lies between input and output is never written to memory: the backward pass
// makes it again. `pdes/points.h` precedes this file.

namespace {

// The normal distribution and its density. Approximation of erfc: M. Abramowitz, I. Stegun, 7.1.26, to 1.5e-7.
inline void normal(V x, V& distribution, V& density) {
  const V power = exponential(T(-0.5) * x * x), size = x < 0 ? -x : x;
  density = power * T(0.3989422804014327);
  const V t = 1 / (1 + T(0.3275911 * 0.7071067811865476) * size);
  V series = V{} + T(1.061405429);
  for (T coefficient : {T(-1.453152027), T(1.421413741), T(-0.284496736), T(0.254829592)}) series = series * t + coefficient;
  const V tail = T(0.5) * series * t * power;
  distribution = x < 0 ? tail : 1 - tail;
}

// x becomes gelu(x).
inline void gelu(V* x, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    V distribution, density;
    normal(x[i], distribution, density);
    x[i] *= distribution;
  }
}

// The same, with its derivative.
inline void gelu(V* x, V* slope, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    V distribution, density;
    normal(x[i], distribution, density);
    slope[i] = distribution + x[i] * density;
    x[i] *= distribution;
  }
}

// A dense layer and the sums of its gradients; null: not wanted.
struct Layer {
  const T *weight, *bias;
  T *weight_grad, *bias_grad;
  int64_t in, out;

  void forward(V* y, const V* x) const {
    product(y, x, weight, in, 1, out, in);
    if (bias) add_bias(y);
  }
  void add_bias(V* y) const {
    for (int64_t i = 0; i < out * VECTORS; ++i) y[i] += bias[i / VECTORS];
  }
  void by_input(V* gx, const V* gy) const { product(gx, gy, weight, 1, in, in, out); }
  int64_t size() const { return out * (in + 1); }
  void collect(V* sums, const V* gy, const V* x) const {
    outer<1>(sums, gy, x, out, in);
    for (int64_t i = 0; i < out * VECTORS; ++i) sums[out * in + i / VECTORS] += gy[i];
  }
  void finish(const std::vector<Buffer>& sums, int64_t at) const {
    if (weight_grad) add_up(sums, at, out * in, weight_grad);
    if (bias_grad) add_up(sums, at + out * in, out, bias_grad);
  }
};

inline void load(V* to, const T* from, int64_t channels, int64_t stride, int64_t points) {
  for (int64_t c = 0; c < channels; ++c, to += VECTORS, from += stride) {
    if (points < POINTS) std::fill_n(to, VECTORS, V{});
    std::memcpy(to, from, points * sizeof(T));
  }
}

inline void store(T* to, const V* from, int64_t channels, int64_t stride, int64_t points) {
  for (int64_t c = 0; c < channels; ++c, from += VECTORS, to += stride) std::memcpy(to, from, points * sizeof(T));
}

struct MLP {
  const T *x, *output_grad;
  T *output, *input_grad;
  int64_t points, threads;
  Layer first, second;
};

struct Block {
  const T *x, *spectral, *output_grad;
  T *output, *input_grad, *spectral_grad;
  const T* gate;
  T* gate_grad;
  int64_t points, threads, activated;
  Layer skip, first, second;  // the bias of skip is that of the spectral part
};

template <class F>
void for_blocks(int64_t total, int64_t threads, std::vector<Buffer>* sums, F each) {
  const int64_t blocks = blocks_of(total);
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
    auto work = each(sums ? (*sums)[omp_get_thread_num()].data() : nullptr);
#pragma omp for schedule(static)
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t start = block * POINTS;
      work(start, std::min<int64_t>(POINTS, total - start));
    }
  }
}

// Arrays of some channels for one block.
struct Arrays {
  Buffer memory;
  explicit Arrays(int64_t channels) : memory(channels * VECTORS) {}
  V* operator[](int64_t channel) { return memory.data() + channel * VECTORS; }
};

}  // namespace

extern "C" void mlp_forward(const MLP* call) {
  const MLP& c = *call;
  const int64_t in = c.first.in, hidden = c.first.out, out = c.second.out;
  for_blocks(c.points, c.threads, nullptr, [&](V*) {
    return [&, arrays = Arrays(in + hidden + out)](int64_t start, int64_t points) mutable {
      V *x = arrays[0], *h = arrays[in], *y = arrays[in + hidden];
      load(x, c.x + start, in, c.points, points);
      c.first.forward(h, x);
      gelu(h, hidden * VECTORS);
      c.second.forward(y, h);
      store(c.output + start, y, out, c.points, points);
    };
  });
}

extern "C" void mlp_backward(const MLP* call) {
  const MLP& c = *call;
  const int64_t in = c.first.in, hidden = c.first.out, out = c.second.out;
  std::vector<Buffer> sums(c.threads, Buffer(c.first.size() + c.second.size()));
  for_blocks(c.points, c.threads, &sums, [&](V* sum) {
    return [&, sum, arrays = Arrays(2 * in + 3 * hidden + out)](int64_t start, int64_t points) mutable {
      V *x = arrays[0], *gx = arrays[in], *h = arrays[2 * in], *slope = arrays[2 * in + hidden];
      V *gh = arrays[2 * in + 2 * hidden], *gy = arrays[2 * in + 3 * hidden];
      load(x, c.x + start, in, c.points, points);
      load(gy, c.output_grad + start, out, c.points, points);
      c.first.forward(h, x);
      gelu(h, slope, hidden * VECTORS);
      c.second.collect(sum + c.first.size(), gy, h);
      c.second.by_input(gh, gy);
      for (int64_t i = 0; i < hidden * VECTORS; ++i) gh[i] *= slope[i];
      c.first.collect(sum, gh, x);
      if (c.input_grad) {
        c.first.by_input(gx, gh);
        store(c.input_grad + start, gx, in, c.points, points);
      }
    };
  });
  c.first.finish(sums, 0);
  c.second.finish(sums, c.first.size());
}

extern "C" void block_forward(const Block* call) {
  const Block& c = *call;
  const int64_t width = c.skip.in, hidden = c.first.out, size = width * VECTORS;
  for_blocks(c.points, c.threads, nullptr, [&](V*) {
    return [&, arrays = Arrays(3 * width + hidden)](int64_t start, int64_t points) mutable {
      V *x = arrays[0], *s = arrays[width], *y = arrays[2 * width], *h = arrays[3 * width];
      load(x, c.x + start, width, c.points, points);
      load(s, c.spectral + start, width, c.points, points);
      c.skip.forward(y, x);
      for (int64_t i = 0; i < size; ++i) y[i] += s[i];
      if (c.activated) gelu(y, size);
      c.first.forward(h, y);
      gelu(h, hidden * VECTORS);
      c.second.forward(y, h);
      for (int64_t i = 0; i < size; ++i) y[i] += c.gate[i / VECTORS] * x[i];
      if (c.activated) gelu(y, size);
      store(c.output + start, y, width, c.points, points);
    };
  });
}

extern "C" void block_backward(const Block* call) {
  const Block& c = *call;
  const int64_t width = c.skip.in, hidden = c.first.out, size = width * VECTORS;
  const int64_t first = c.skip.size(), second = first + c.first.size(), gates = second + c.second.size();
  std::vector<Buffer> sums(c.threads, Buffer(gates + width));
  for_blocks(c.points, c.threads, &sums, [&](V* sum) {
    return [&, sum, arrays = Arrays(7 * width + 3 * hidden)](int64_t start, int64_t points) mutable {
      V *x = arrays[0], *y = arrays[width], *y_slope = arrays[2 * width], *o = arrays[3 * width], *o_slope = arrays[4 * width];
      V *g = arrays[5 * width], *gy = arrays[6 * width];
      V *h = arrays[7 * width], *h_slope = arrays[7 * width + hidden], *gh = arrays[7 * width + 2 * hidden];
      load(x, c.x + start, width, c.points, points);
      load(o, c.spectral + start, width, c.points, points);
      load(g, c.output_grad + start, width, c.points, points);
      c.skip.forward(y, x);
      for (int64_t i = 0; i < size; ++i) y[i] += o[i];
      if (c.activated) gelu(y, y_slope, size);
      c.first.forward(h, y);
      gelu(h, h_slope, hidden * VECTORS);
      if (c.activated) {
        c.second.forward(o, h);
        for (int64_t i = 0; i < size; ++i) o[i] += c.gate[i / VECTORS] * x[i];
        gelu(o, o_slope, size);
        for (int64_t i = 0; i < size; ++i) g[i] *= o_slope[i];
      }
      for (int64_t i = 0; i < size; ++i) sum[gates + i / VECTORS] += g[i] * x[i];
      c.second.collect(sum + second, g, h);
      c.second.by_input(gh, g);
      for (int64_t i = 0; i < hidden * VECTORS; ++i) gh[i] *= h_slope[i];
      c.first.collect(sum + first, gh, y);
      c.first.by_input(gy, gh);
      if (c.activated)
        for (int64_t i = 0; i < size; ++i) gy[i] *= y_slope[i];
      c.skip.collect(sum, gy, x);
      store(c.spectral_grad + start, gy, width, c.points, points);
      c.skip.by_input(o, gy);
      for (int64_t i = 0; i < size; ++i) o[i] += c.gate[i / VECTORS] * g[i];
      store(c.input_grad + start, o, width, c.points, points);
    };
  });
  c.skip.finish(sums, 0);
  c.first.finish(sums, first);
  c.second.finish(sums, second);
  if (c.gate_grad) add_up(sums, gates, width, c.gate_grad);
}
