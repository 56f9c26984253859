// Mixing of the channels of each Fourier mode by a complex matrix, as real products of twice the size.
//
// With real parts a, c and imaginary parts b, d, (a + ib)(c + id) is the row [a b] times [[c d], [-d c]]. Such a table is made for one mode
// at a time and serves all samples. `operators/channels.h` precedes this file.

namespace {

struct Mixing {
  const V *in, *out_grad;  // coefficients (batch, modes, 2, channels in whole vectors)
  V *out, *in_grad;
  const T* weight;         // (modes, in, out, 2)
  T* weight_grad;          // null: not wanted
  int64_t batch, modes, channels_in, channels_out, threads;

  int64_t vectors_in() const { return 2 * vectors_of(channels_in); }
  int64_t vectors_out() const { return 2 * vectors_of(channels_out); }
  int64_t matrix() const { return 2 * channels_in * channels_out; }

  // Calls entry(i, o, place of the real part, place of the imaginary part) for all of a matrix and of its table.
  template <class F>
  void each(const T* matrix, F entry) const {
    for (int64_t i = 0; i < channels_in; ++i)
      for (int64_t o = 0; o < channels_out; ++o, matrix += 2) entry(i, o, matrix[0], matrix[1]);
  }
};

void mix(const Mixing& c) {
  const int64_t in = c.vectors_in(), out = c.vectors_out(), im_in = in / 2 * LANES, im_out = out / 2 * LANES;
  in_parallel(c.modes, 1, c.threads, [&](int) {
    return [&, table = Buffer(in * LANES * out), zero = Buffer(out)](int64_t mode, int64_t) mutable {
      T* entries = reinterpret_cast<T*>(table.data());
      const int64_t row = out * LANES;
      c.each(c.weight + mode * c.matrix(), [&](int64_t i, int64_t o, T re, T im) {
        entries[i * row + o] = entries[(im_in + i) * row + im_out + o] = re;
        entries[i * row + im_out + o] = im, entries[(im_in + i) * row + o] = -im;
      });
      product({c.out + mode * out, c.modes * out}, {zero.data(), 0}, numbers(c.in + mode * in, c.modes * in), {table.data(), out},
              c.batch, in * LANES, out);
    };
  });
}

void mix_backward(const Mixing& c) {
  const int64_t in = c.vectors_in(), out = c.vectors_out(), im_in = in / 2 * LANES, im_out = out / 2 * LANES;
  in_parallel(c.modes, 1, c.threads, [&](int) {
    return [&, table = Buffer(out * LANES * in), sums = Buffer(in * LANES * out), zero = Buffer(in)](int64_t mode, int64_t) mutable {
      T* entries = reinterpret_cast<T*>(table.data());
      const int64_t row = in * LANES;
      c.each(c.weight + mode * c.matrix(), [&](int64_t i, int64_t o, T re, T im) {
        entries[o * row + i] = entries[(im_out + o) * row + im_in + i] = re;
        entries[o * row + im_in + i] = -im, entries[(im_out + o) * row + i] = im;
      });
      const V *x = c.in + mode * in, *g = c.out_grad + mode * out;
      product({c.in_grad + mode * in, c.modes * in}, {zero.data(), 0}, numbers(g, c.modes * out), {table.data(), in}, c.batch,
              out * LANES, in);
      if (!c.weight_grad) return;
      std::fill(sums.begin(), sums.end(), V{});
      outer({sums.data(), out}, numbers(x, c.modes * in), {g, c.modes * out}, in * LANES, c.batch, out);
      const T* sum = reinterpret_cast<const T*>(sums.data());
      T* to = c.weight_grad + mode * c.matrix();
      for (int64_t i = 0; i < c.channels_in; ++i)
        for (int64_t o = 0; o < c.channels_out; ++o, to += 2) {
          const T *re = sum + i * out * LANES + o, *im = sum + (im_in + i) * out * LANES + o;
          to[0] = re[0] + im[im_out], to[1] = re[im_out] - im[0];
        }
    };
  });
}

}  // namespace
