// The truncated discrete Fourier transform of real fields and its inverse, as products with tables of cosines and sines.
//
// One axis after another, all channels at once. With p points a period, points j and p - j share their cosine and have opposite sines,
// so that their sum meets the cosines and their difference the sines: half the products. Where p is even, points j and p/2 - j do so up
// to signs that are those of odd or of even wavenumbers: half of that. On all axes but the last, wavenumbers k and -k share theirs as well.
// A coefficient is the vectors of its real parts, channel by channel, followed by those of its imaginary parts.
// `operators/channels.h` precedes this file; `operators/truncated_dft.py` makes the tables.

namespace {

struct Axis {
  int64_t points, period, kept, shift;
  int64_t ends;  // what both ends of an axis of vertices count, in halves
  const T *cosine, *sine;
  bool vertices() const { return points > period; }
  int64_t half() const { return period / 2 + 1; }     // points up to the middle
  bool split() const { return period % 2 == 0; }      // whether odd and even wavenumbers go apart
  int64_t head() const { return split() ? period / 4 + 1 : half(); }
  int64_t top() const { return kept / 2 + shift; }    // the highest wavenumber, of an axis that is not the last
  // where coefficients k and -k lie, k >= 0 and k > 0; -1: not kept
  int64_t positive(int64_t k) const { return k + shift < kept - kept / 2 ? k + shift : -1; }
  int64_t negative(int64_t k) const { return k > kept / 2 + shift ? -1 : k > shift ? kept - k + shift : shift - k; }
  T end_weight() const { return T(ends) / 2; }
};

// What one axis of `vectors` a point needs.
struct Folded {
  Buffer even, odd, p, q, zero;
  Folded(const Axis& axis, int64_t vectors) : zero(vectors) {
    const int64_t most = std::max({axis.half(), axis.top() + 1, axis.kept}) * vectors;
    for (Buffer* buffer : {&even, &odd, &p, &q}) buffer->resize(most);
  }
};

// Rows j and p/2 - j become their sum, at the head, and their difference, at the tail; or the sums and differences the rows.
void butterfly(const Axis& axis, V* x, int64_t vectors) {
  V* other = x + (axis.half() - 1) * vectors;
  if (axis.split())
    for (; x < other; x += vectors, other -= vectors)
      for (int64_t i = 0; i < vectors; ++i) {
        const V sum = x[i] + other[i], difference = x[i] - other[i];
        x[i] = sum, other[i] = difference;
      }
}

// Sums and differences of the points j and p - j.
void fold(const Axis& axis, Rows<const V> x, int64_t vectors, Folded& f) {
  const int64_t p = axis.period;
  V *even = f.even.data(), *odd = f.odd.data();
  for (int64_t j = 0; j < axis.half(); ++j, even += vectors, odd += vectors) {
    const V *one = x[j], *other = x[j ? p - j : p];
    if (2 * j == p || (!j && !axis.vertices()))
      for (int64_t i = 0; i < vectors; ++i) even[i] = one[i], odd[i] = V{};
    else if (j)
      for (int64_t i = 0; i < vectors; ++i) even[i] = one[i] + other[i], odd[i] = one[i] - other[i];
    else
      for (int64_t i = 0; i < vectors; ++i) even[i] = axis.end_weight() * (one[i] + other[i]), odd[i] = V{};
  }
  butterfly(axis, f.even.data(), vectors);
  butterfly(axis, f.odd.data(), vectors);
}

// Points j and p - j from their even and odd parts p and q.
void unfold(const Axis& axis, Rows<V> x, int64_t vectors, Folded& f) {
  butterfly(axis, f.p.data(), vectors);
  butterfly(axis, f.q.data(), vectors);
  const int64_t p = axis.period;
  const V *even = f.p.data(), *odd = f.q.data();
  for (int64_t j = 0; j < axis.half(); ++j, even += vectors, odd += vectors) {
    V *one = x[j], *other = x[j ? p - j : p];
    if (2 * j == p || (!j && !axis.vertices()))
      for (int64_t i = 0; i < vectors; ++i) one[i] = even[i];
    else if (j)
      for (int64_t i = 0; i < vectors; ++i) one[i] = even[i] + odd[i], other[i] = even[i] - odd[i];
    else
      for (int64_t i = 0; i < vectors; ++i) one[i] = other[i] = axis.end_weight() * even[i];
  }
}

// Calls each(first wavenumber, number of them, their distance, first row, number of rows, table) for what is multiplied with a table of
// cosines or sines for `count` wavenumbers: the head with even ones (or all) and the tail with odd ones, the other way round for sines.
template <class F>
void parts(const Axis& axis, bool sine, int64_t count, F each) {
  const T* table = sine ? axis.sine : axis.cosine;
  const int64_t head = axis.head();
  if (!axis.split()) return each(0, count, 1, 0, head, table);
  const int64_t odd = count / 2, at_head = sine ? odd : count - odd;
  each(sine, at_head, 2, 0, head, table);
  each(!sine, count - at_head, 2, head, axis.half() - head, table + at_head * head);
}

// z[k] = Σⱼ table x[j], and x[j] = Σₖ table z[k], for cosines or sines and folded points.
void analyse_part(const Axis& axis, bool sine, int64_t count, const Buffer& x, Rows<V> z, int64_t vectors, const Folded& f) {
  parts(axis, sine, count, [&](int64_t k, int64_t some, int64_t step, int64_t row, int64_t rows, const T* table) {
    product({z[k], step * z.stride}, {f.zero.data(), 0}, {table, rows}, {&x[row * vectors], vectors}, some, rows, vectors);
  });
}

void synthesise_part(const Axis& axis, bool sine, int64_t count, Buffer& x, Rows<const V> z, int64_t vectors, const Folded& f) {
  parts(axis, sine, count, [&](int64_t k, int64_t some, int64_t step, int64_t row, int64_t rows, const T* table) {
    product({&x[row * vectors], vectors}, {f.zero.data(), 0}, {table, some}, {z[k], step * z.stride}, rows, some, vectors);
  });
}

// From a line of points to coefficients, and back, on the last axis.
void analyse_line(const Axis& axis, const V* x, V* z, int64_t vectors, Folded& f) {
  fold(axis, {x, vectors}, vectors, f);
  const Rows<V> to{z, 2 * vectors};
  analyse_part(axis, false, axis.kept, f.even, to, vectors, f);
  analyse_part(axis, true, axis.kept, f.odd, to.from(0, vectors), vectors, f);
}

void synthesise_line(const Axis& axis, const V* z, V* x, int64_t vectors, Folded& f) {
  const Rows<const V> from{z, 2 * vectors};
  synthesise_part(axis, false, axis.kept, f.p, from, vectors, f);
  synthesise_part(axis, true, axis.kept, f.q, from.from(0, vectors), vectors, f);
  unfold(axis, {x, vectors}, vectors, f);
}

// The same with complex numbers, real parts before imaginary ones, on the other axes.
void analyse_complex(const Axis& axis, Rows<const V> in, Rows<V> out, int64_t vectors, Folded& f) {
  const int64_t top = axis.top(), both = 2 * vectors;
  fold(axis, in, both, f);
  analyse_part(axis, false, top + 1, f.even, {f.p.data(), both}, both, f);
  analyse_part(axis, true, top + 1, f.odd, {f.q.data(), both}, both, f);
  for (int64_t k = 0; k <= top; ++k) {
    const V *even = &f.p[k * both], *odd = &f.q[k * both];
    const int64_t positive = axis.positive(k), negative = k ? axis.negative(k) : -1;
    for (int64_t i = 0; i < vectors; ++i) {
      const int64_t j = i + vectors;
      if (positive >= 0) out[positive][i] = even[i] + odd[j], out[positive][j] = even[j] - odd[i];
      if (negative >= 0) out[negative][i] = even[i] - odd[j], out[negative][j] = even[j] + odd[i];
    }
  }
}

void synthesise_complex(const Axis& axis, Rows<const V> in, Rows<V> out, int64_t vectors, Folded& f) {
  const int64_t top = axis.top(), both = 2 * vectors;
  const V* none = f.zero.data();
  for (int64_t k = 0; k <= top; ++k) {
    const int64_t positive = axis.positive(k), negative = k ? axis.negative(k) : -1;
    const V *one = positive < 0 ? none : in[positive], *other = negative < 0 ? none : in[negative];
    V *even = &f.even[k * both], *odd = &f.odd[k * both];
    for (int64_t i = 0; i < vectors; ++i) {
      const int64_t j = i + vectors;
      even[i] = one[i] + other[i], even[j] = one[j] + other[j];
      odd[i] = other[j] - one[j], odd[j] = one[i] - other[i];
    }
  }
  synthesise_part(axis, false, top + 1, f.p, {f.even.data(), both}, both, f);
  synthesise_part(axis, true, top + 1, f.q, {f.odd.data(), both}, both, f);
  unfold(axis, out, both, f);
}

// Lines of a field, or what stands in their place, in whole vectors.
struct Lines {
  const Axis& axis;
  int64_t channels, vectors;
  Buffer line;
  Folded folded;
  Lines(const Axis& axis, int64_t channels)
      : axis(axis), channels(channels), vectors(vectors_of(channels)), line(axis.points * vectors), folded(axis, vectors) {}

  void analyse(const T* x, V* z) {
    analyse_line(axis, loaded(line.data(), x, axis.points, channels), z, vectors, folded);
  }
  void synthesise(const V* z, T* x, bool adds) {
    synthesise_line(axis, z, line.data(), vectors, folded);
    if (!adds) return store(x, line.data(), axis.points, channels);
    const V* from = line.data();
    for (int64_t p = 0; p < axis.points; ++p, from += vectors, x += channels)
      for (int64_t c = 0; c < channels; ++c) x[c] += reinterpret_cast<const T*>(from)[c];
  }
};

// A field (batch, *points, channels) in the course of its transform, one axis after the other from the last to the first. At stage `axis` it
// has coefficients along that axis and those behind it, (batch, *points, *kept, 2, channels in whole vectors). `operators/truncated_dft.py`
// tells how much scratch the stages between take.
struct Grid {
  int64_t batch, channels, threads, dims;
  V* scratch;
  const Axis* axes;

  int64_t vectors() const { return vectors_of(channels); }
  const Axis& last() const { return axes[dims - 1]; }
  int64_t outer(int64_t axis) const {
    return std::accumulate(axes, axes + axis, batch, [](int64_t product, const Axis& a) { return product * a.points; });
  }
  int64_t inner(int64_t axis) const {
    return std::accumulate(axes + axis + 1, axes + dims, int64_t(1), [](int64_t product, const Axis& a) { return product * a.kept; });
  }
  int64_t lines() const { return outer(dims - 1); }
  int64_t modes() const { return inner(-1); }  // of a sample
  int64_t size(int64_t axis) const { return outer(axis) * axes[axis].kept * inner(axis) * 2 * vectors(); }
  // of the stages, which take turns
  V* place(int64_t axis) const { return scratch + ((dims - 1 - axis) % 2 ? size(dims - 1) : 0); }
};

template <class F>
void each_column(const Grid& grid, int64_t number, V* points, V* modes, F transform) {
  const Axis& axis = grid.axes[number];
  const int64_t inner = grid.inner(number), vectors = grid.vectors(), stride = inner * 2 * vectors;
  in_parallel(grid.outer(number) * inner, 1, grid.threads, [&](int) {
    return [&, folded = Folded(axis, 2 * vectors)](int64_t item, int64_t) mutable {
      const int64_t outer = item / inner, column = item % inner * 2 * vectors;
      transform(axis, Rows<V>{points + outer * axis.points * stride + column, stride},
                Rows<V>{modes + outer * axis.kept * stride + column, stride}, vectors, folded);
    };
  });
}

// The coefficients of a field, of which along_lines(to) finds those along the last axis.
template <class F>
void analyse(const Grid& grid, V* modes, F along_lines) {
  V* from = grid.dims > 1 ? grid.place(grid.dims - 1) : modes;
  along_lines(from);
  for (int64_t axis = grid.dims - 2; axis >= 0; --axis) {
    V* to = axis ? grid.place(axis) : modes;
    each_column(grid, axis, from, to, [](const Axis& a, Rows<V> points, Rows<V> modes, int64_t vectors, Folded& folded) {
      analyse_complex(a, {points.at, points.stride}, modes, vectors, folded);
    });
    from = to;
  }
}

// The field of coefficients: along_lines(from) makes it of those along the last axis.
template <class F>
void synthesise(const Grid& grid, V* modes, F along_lines) {
  V* from = modes;
  for (int64_t axis = 0; axis < grid.dims - 1; ++axis) {
    V* to = grid.place(axis + 1);
    each_column(grid, axis, to, from, [](const Axis& a, Rows<V> points, Rows<V> modes, int64_t vectors, Folded& folded) {
      synthesise_complex(a, {modes.at, modes.stride}, points, vectors, folded);
    });
    from = to;
  }
  along_lines(from);
}

void analyse_lines(const Grid& grid, const T* field, V* modes) {
  const Axis& axis = grid.last();
  in_parallel(grid.lines(), 1, grid.threads, [&](int) {
    return [&, lines = Lines(axis, grid.channels)](int64_t line, int64_t) mutable {
      lines.analyse(field + line * axis.points * grid.channels, modes + line * axis.kept * 2 * lines.vectors);
    };
  });
}

void synthesise_lines(const Grid& grid, const V* modes, T* field, bool adds) {
  const Axis& axis = grid.last();
  in_parallel(grid.lines(), 1, grid.threads, [&](int) {
    return [&, lines = Lines(axis, grid.channels)](int64_t line, int64_t) mutable {
      lines.synthesise(modes + line * axis.kept * 2 * lines.vectors, field + line * axis.points * grid.channels, adds);
    };
  });
}

// Followed by the axes.
struct Transform {
  T* field;
  V *modes, *scratch;
  int64_t batch, channels, threads, dims;
  Grid grid() const { return {batch, channels, threads, dims, scratch, reinterpret_cast<const Axis*>(this + 1)}; }
};

}  // namespace

extern "C" void analyse_field(const Transform* call) {
  const Grid grid = call->grid();
  analyse(grid, call->modes, [&](V* to) { analyse_lines(grid, call->field, to); });
}

extern "C" void synthesise_field(const Transform* call) {
  const Grid grid = call->grid();
  synthesise(grid, call->modes, [&](const V* from) { synthesise_lines(grid, from, call->field, false); });
}
