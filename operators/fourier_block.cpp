// A Fourier layer behind the mixing of its modes, y = σ(s + b + W x) and then σ(W2 gelu(W1 y + b1) + b2 + gate x), line by line.
//
// s is the synthesis along the last axis and σ the gelu or nothing. Of what lies between, s + b + W x is kept for the backward pass and
// the rest made again. `truncated_dft.cpp` and `pointwise.cpp` precede this file.

namespace {

struct Block {
  const T *x, *output_grad;
  V *modes, *modes_grad;               // (lines, kept, 2, width in whole vectors)
  T *inner, *output, *input_grad;      // inner: s + b + W x; null: not wanted
  const T* gate;
  T* gate_grad;
  int64_t lines, threads, activated;
  Axis axis;
  Layer skip, first, second;           // the bias of skip is that of the spectral part

  int64_t group() const { return std::max<int64_t>(1, 48 / axis.points); }  // lines that are taken at a time: they fill a block
};

// y += gate x
inline void add_gated(V* y, const Buffer& gate, const V* x, int64_t points) {
  for (int64_t p = 0; p < points; ++p)
    for (V g : gate) *y++ += g * *x++;
}

inline void add_row(V* y, const Buffer& row, int64_t points) {
  for (int64_t p = 0; p < points; ++p)
    for (V v : row) *y++ += v;
}

struct Layers {
  Dense skip, first, second;
  Buffer gate;
  explicit Layers(const Block& c) : skip(c.skip), first(c.first), second(c.second), gate(skip.in) { load(gate.data(), c.gate, 1, c.skip.in); }
};

}  // namespace

extern "C" void block_forward(const Block* call) {
  const Block& c = *call;
  const Layers layers(c);
  const auto& [skip, first, second, gate] = layers;
  const int64_t channels = c.skip.in, width = skip.in, n = c.axis.points, group = c.group(), size = block_of(3 * width + first.out);
  in_parallel(c.lines, group, c.threads, [&](int) {
    return [&, folded = Folded(c.axis, width), s = Buffer(group * n * width), memory = Buffer(size * (width + first.out))](
               int64_t begin, int64_t end) mutable {
      for (int64_t line = begin; line < end; ++line)
        synthesise_line(c.axis, c.modes + line * c.axis.kept * 2 * width, &s[(line - begin) * n * width], width, folded);
      V *x = memory.data(), *h = x + size * width;
      for (int64_t start = begin * n; start < end * n; start += size) {
        const int64_t points = std::min(size, end * n - start), at = start * channels;
        V* y = &s[(start - begin * n) * width];
        load(x, c.x + at, points, channels);
        add_row(y, skip.bias, points);
        skip.onto({y, width}, y, x, points);
        if (c.inner) store(c.inner + at, y, points, channels);
        if (c.activated) gelu(y, points * width);
        first.forward(h, y, points);
        gelu(h, points * first.out);
        second.forward(y, h, points);
        add_gated(y, gate, x, points);
        if (c.activated) gelu(y, points * width);
        store(c.output + at, y, points, channels);
      }
    };
  });
}

extern "C" void block_backward(const Block* call) {
  const Block& c = *call;
  const Layers layers(c);
  const auto& [skip, first, second, gate] = layers;
  std::vector<Sums> skip_sums(c.threads, Sums(skip)), first_sums(c.threads, Sums(first)), second_sums(c.threads, Sums(second));
  std::vector<Buffer> gate_sums(c.threads, Buffer(skip.in));
  const int64_t channels = c.skip.in, width = skip.in, hidden = first.out, n = c.axis.points, group = c.group();
  const int64_t all = 6 * width + 3 * hidden, size = block_of(all + width);
  in_parallel(c.lines, group, c.threads, [&](int thread) {
    return [&, thread, folded = Folded(c.axis, width), gs = Buffer(group * n * width), memory = Buffer(size * all)](
               int64_t begin, int64_t end) mutable {
      Buffer& gate_sum = gate_sums[thread];
      V *x = memory.data(), *y = x + size * width, *y_slope = y + size * width, *g = y_slope + size * width;
      V *o = g + size * width, *o_slope = o + size * width;
      V *h = o_slope + size * width, *h_slope = h + size * hidden, *gh = h_slope + size * hidden;
      for (int64_t start = begin * n; start < end * n; start += size) {
        const int64_t points = std::min(size, end * n - start), at = start * channels;
        V* gy = &gs[(start - begin * n) * width];
        load(x, c.x + at, points, channels);
        load(y, c.inner + at, points, channels);
        load(g, c.output_grad + at, points, channels);
        if (c.activated) gelu(y, y_slope, points * width);
        first.forward(h, y, points);
        gelu(h, h_slope, points * hidden);
        if (c.activated) {
          second.forward(o, h, points);
          add_gated(o, gate, x, points);
          gelu(o, o_slope, points * width);
          times(g, o_slope, points * width);
        }
        for (int64_t v = 0; v < width; ++v) {
          V sum = gate_sum[v];
          for (int64_t p = 0; p < points; ++p) sum += g[p * width + v] * x[p * width + v];
          gate_sum[v] = sum;
        }
        second_sums[thread].collect(g, h, points);
        second.by_input(gh, g, points);
        times(gh, h_slope, points * hidden);
        first_sums[thread].collect(gh, y, points);
        first.by_input(gy, gh, points);
        if (c.activated) times(gy, y_slope, points * width);
        skip_sums[thread].collect(gy, x, points);
        V* gx = o;
        skip.by_input(gx, gy, points);
        add_gated(gx, gate, g, points);
        store(c.input_grad + at, gx, points, channels);
      }
      for (int64_t line = begin; line < end; ++line)
        analyse_line(c.axis, &gs[(line - begin) * n * width], c.modes_grad + line * c.axis.kept * 2 * width, width, folded);
    };
  });
  finish(skip_sums);
  finish(first_sums);
  finish(second_sums);
  for (size_t i = 1; i < gate_sums.size(); ++i) add_to(gate_sums[0], gate_sums[i]);
  store(c.gate_grad, gate_sums[0].data(), 1, channels);
}
