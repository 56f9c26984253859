// A Fourier layer, y = σ(s + b + W x) and then σ(W2 gelu(W1 y + b1) + b2 + gate x), s being x with its modes mixed and σ the gelu or nothing.
//
// All but the transforms along the first axes and the mixing goes line by line. Of what lies between, the modes and s + b + W x are kept for
// the backward pass and the rest made again. `truncated_dft.cpp`, `mixing.cpp` and `pointwise.cpp` precede this file.

namespace {

// Followed by the axes of the analysis and those of the synthesis.
struct Block {
  const T *x, *output_grad;
  T *output, *input_grad, *inner;              // inner: s + b + W x; null: not wanted
  V *modes, *mixed, *modes_grad, *mixed_grad;  // of x, before and behind the mixing
  V* scratch;
  const T *matrices, *gate;
  T *matrices_grad, *gate_grad;
  int64_t batch, threads, activated, dims;
  Layer skip, first, second;                   // the bias of skip is that of the spectral part

  Grid grid(int64_t from) const { return {batch, skip.in, threads, dims, scratch, reinterpret_cast<const Axis*>(this + 1) + from}; }
  Grid analysis() const { return grid(0); }
  Grid synthesis() const { return grid(dims); }
  Mixing mixing() const {
    return {modes, mixed_grad, mixed, modes_grad, matrices, matrices_grad, batch, analysis().modes(), skip.in, skip.in, threads};
  }
};

// Lines that are taken at a time: they fill a block.
inline int64_t group_of(const Axis& axis) { return std::max<int64_t>(1, 48 / axis.points); }

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

// What follows the coefficients along the last axis.
void finish_lines(const Block& c, const Grid& grid, const V* modes) {
  const Layers layers(c);
  const auto& [skip, first, second, gate] = layers;
  const Axis& axis = grid.last();
  const int64_t channels = c.skip.in, width = skip.in, n = axis.points, group = group_of(axis), size = block_of(3 * width + first.out);
  in_parallel(grid.lines(), group, c.threads, [&](int) {
    return [&, folded = Folded(axis, width), s = Buffer(group * n * width), memory = Buffer(size * (width + first.out))](
               int64_t begin, int64_t end) mutable {
      for (int64_t line = begin; line < end; ++line)
        synthesise_line(axis, modes + line * axis.kept * 2 * width, &s[(line - begin) * n * width], width, folded);
      V *copy = memory.data(), *h = copy + size * width;
      for (int64_t start = begin * n; start < end * n; start += size) {
        const int64_t points = std::min(size, end * n - start), at = start * channels;
        V* y = &s[(start - begin * n) * width];
        const V* x = loaded(copy, c.x + at, points, channels);
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

// The gradients of all that `finish_lines` does, that by x as far as it does not go through the modes.
void finish_lines_backward(const Block& c, const Grid& grid, V* modes) {
  const Layers layers(c);
  const auto& [skip, first, second, gate] = layers;
  const Axis& axis = grid.last();
  std::vector<Sums> skip_sums(c.threads, Sums(skip)), first_sums(c.threads, Sums(first)), second_sums(c.threads, Sums(second));
  std::vector<Buffer> gate_sums(c.threads, Buffer(skip.in));
  const int64_t channels = c.skip.in, width = skip.in, hidden = first.out, n = axis.points, group = group_of(axis);
  const int64_t all = 6 * width + 3 * hidden, size = block_of(all + width);
  in_parallel(grid.lines(), group, c.threads, [&](int thread) {
    return [&, thread, folded = Folded(axis, width), gs = Buffer(group * n * width), memory = Buffer(size * all)](
               int64_t begin, int64_t end) mutable {
      Buffer& gate_sum = gate_sums[thread];
      V *copy = memory.data(), *y = copy + size * width, *y_slope = y + size * width, *g = y_slope + size * width;
      V *o = g + size * width, *o_slope = o + size * width;
      V *h = o_slope + size * width, *h_slope = h + size * hidden, *gh = h_slope + size * hidden;
      for (int64_t start = begin * n; start < end * n; start += size) {
        const int64_t points = std::min(size, end * n - start), at = start * channels;
        V* gy = &gs[(start - begin * n) * width];
        const V* x = loaded(copy, c.x + at, points, channels);
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
        analyse_line(axis, &gs[(line - begin) * n * width], modes + line * axis.kept * 2 * width, width, folded);
    };
  });
  finish(skip_sums);
  finish(first_sums);
  finish(second_sums);
  for (size_t i = 1; i < gate_sums.size(); ++i) add_to(gate_sums[0], gate_sums[i]);
  store(c.gate_grad, gate_sums[0].data(), 1, channels);
}

}  // namespace

extern "C" void block_forward(const Block* call) {
  const Block& c = *call;
  const Grid analysis = c.analysis(), synthesis = c.synthesis();
  analyse(analysis, c.modes, [&](V* to) { analyse_lines(analysis, c.x, to); });
  mix(c.mixing());
  synthesise(synthesis, c.mixed, [&](const V* from) { finish_lines(c, synthesis, from); });
}

extern "C" void block_backward(const Block* call) {
  const Block& c = *call;
  const Grid analysis = c.analysis(), synthesis = c.synthesis();
  analyse(analysis, c.mixed_grad, [&](V* to) { finish_lines_backward(c, analysis, to); });
  mix_backward(c.mixing());
  synthesise(synthesis, c.modes_grad, [&](const V* from) { synthesise_lines(synthesis, from, c.input_grad, true); });
}
