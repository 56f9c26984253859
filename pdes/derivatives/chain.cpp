// A chain of linear maps and activations on jets, block of points by block of points, forward and backward.
//
// In a block each derivative of each feature is a row of POINTS numbers, so that all loops run along the points, whatever the
// widths of the network, and everything that is done to a block stays in the cache. `pdes/points.h` precedes this file;
// `pdes/derivatives/fused_chain.py` generates the rules of the segments and calls `forward` and `backward`.

namespace {

// RULES

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

inline bool all_zero(const V* g, int64_t size) {
  const T* numbers = reinterpret_cast<const T*>(g);
  return std::all_of(numbers, numbers + size * int64_t(sizeof(V) / sizeof(T)), [](T number) { return number == 0; });
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
      const int64_t out = call.step[call.steps - 1].out;
      load<S>(call, call.output_grad, out, point, points, g.data());
      // each of several losses over one pass has points of its own: where its gradient is zero, there is nothing to do
      if (!call.input_grad && all_zero(g.data(), S::count * out * VECTORS)) continue;
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
          outer<S::count>(sum, g.data(), x.data(), step->out, step->in);
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
