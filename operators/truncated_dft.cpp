// The truncated discrete Fourier transform of real fields and its inverse, as products with tables of cosines and sines.
//
// Item by item, all axes one after another while the item is in the cache. With p points a period, points j and p - j share their
// cosine and have opposite sines, so that their sum meets the cosines and their difference the sines: half the products. On
// all axes but the last, wavenumbers k and -k share theirs as well. Complex numbers lie as vectors of real parts followed by
// vectors of imaginary parts. What precedes this file defines the number type T; `operators/truncated_dft.py` makes the tables.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {  // several of these libraries live in one process

constexpr int LANES = 32 / sizeof(T);
typedef T V __attribute__((vector_size(32)));
typedef T U __attribute__((vector_size(32), aligned(sizeof(T))));  // anywhere
constexpr int ROWS = 4;
using Buffer = std::vector<V>;

struct Axis {
  int64_t points, period, kept;
  const T *cosine, *sine;
  bool vertices() const { return points > period; }
  int64_t half() const { return period / 2 + 1; }  // points up to the middle
  int64_t top() const { return kept / 2; }         // the highest wavenumber, of an axis that is not the last
  // where wavenumbers k and -k lie; -1: not kept
  int64_t positive(int64_t k) const { return k < kept - kept / 2 ? k : -1; }
  int64_t negative(int64_t k) const { return k > 0 ? kept - k : -1; }
};

struct Call {
  T* field;       // (items, *points)
  T* modes;       // complex; that of item (c, b) starts at c stride_c + b stride_b, mode after mode at stride_mode
  int64_t items, batch, stride_mode, stride_c, stride_b;
  int64_t ends;   // what both ends of an axis of vertices count, in halves
  int64_t adds;   // whether a synthesis adds to the field
  int64_t threads, dims;
  const Axis* axis;

  explicit Call(const int64_t* all) {
    static_assert(sizeof(Axis) == 5 * sizeof(int64_t));
    std::memcpy(this, all, 11 * sizeof(int64_t));
    axis = reinterpret_cast<const Axis*>(all + 11);
  }
  const Axis& last() const { return axis[dims - 1]; }
  // items that are taken at a time
  int64_t group() const { return dims == 1 ? 2 * ROWS : 1; }
  // of a group, on the last axis
  int64_t rows(int64_t group) const {
    int64_t rows = group;
    for (int64_t i = 0; i + 1 < dims; ++i) rows *= axis[i].points;
    return rows;
  }
  int64_t size() const { return rows(1) * last().points; }
  int64_t vectors() const { return (last().kept + LANES - 1) / LANES; }  // of the real parts on the last axis
  // entries of the largest array between two axes
  int64_t largest() const {
    int64_t now = rows(group()) * 2 * vectors(), most = now;
    for (int64_t i = dims - 2; i >= 0; --i) most = std::max(most, now = now / axis[i].points * axis[i].kept);
    return most;
  }
  int64_t longest() const {
    int64_t most = last().half();
    for (int64_t i = 0; i < dims; ++i) most = std::max({most, axis[i].half(), axis[i].kept});
    return most;
  }
  T end_weight() const { return T(ends) / 2; }
  T* modes_of(int64_t item) const { return modes + 2 * (item / batch * stride_c + item % batch * stride_b); }
};

template <int N>
inline void rows_product(V* out, int64_t stride, const T* a, const T* table, int64_t depth, int64_t vectors) {
  V sum[ROWS][N] = {};
  for (int64_t j = 0; j < depth; ++j)
    for (int v = 0; v < N; ++v) {
      const V entry = *reinterpret_cast<const U*>(table + (j * vectors + v) * LANES);
      for (int r = 0; r < ROWS; ++r) sum[r][v] += a[j * ROWS + r] * entry;
    }
  for (int r = 0; r < ROWS; ++r)
    for (int v = 0; v < N; ++v) out[r * stride + v] = sum[r][v];
}

// out[r][v] = Σ_j a[j][r] table[j][v], r < ROWS; rows of out are `stride` apart.
inline void rows_times_table(V* out, int64_t stride, const T* a, const T* table, int64_t depth, int64_t vectors) {
  int64_t v = 0;
  for (; v + 3 <= vectors; v += 3) rows_product<3>(out + v, stride, a, table + v * LANES, depth, vectors);
  if (vectors - v == 2) rows_product<2>(out + v, stride, a, table + v * LANES, depth, vectors);
  if (vectors - v == 1) rows_product<1>(out + v, stride, a, table + v * LANES, depth, vectors);
}

template <int N, int M>
inline void table_product(V* out, const T* table, const V* in, int64_t depth, int64_t width) {
  V sum[N][M] = {};
  for (int64_t j = 0; j < depth; ++j)
    for (int k = 0; k < N; ++k)
      for (int v = 0; v < M; ++v) sum[k][v] += table[k * depth + j] * in[j * width + v];
  for (int k = 0; k < N; ++k)
    for (int v = 0; v < M; ++v) out[k * width + v] = sum[k][v];
}

template <int M>
inline void table_rows(V* out, const T* table, const V* in, int64_t rows, int64_t depth, int64_t width) {
  int64_t k = 0;
  for (; k + 3 <= rows; k += 3) table_product<3, M>(out + k * width, table + k * depth, in, depth, width);
  if (rows - k == 2) table_product<2, M>(out + k * width, table + k * depth, in, depth, width);
  if (rows - k == 1) table_product<1, M>(out + k * width, table + k * depth, in, depth, width);
}

// out[k][i] = Σ_j table[k][j] in[j][i], i < width
inline void table_times_block(V* out, const T* table, const V* in, int64_t rows, int64_t depth, int64_t width) {
  int64_t i = 0;
  for (; i + 4 <= width; i += 4) table_rows<4>(out + i, table, in + i, rows, depth, width);
  if (width - i == 2) table_rows<2>(out + i, table, in + i, rows, depth, width);
  else for (; i < width; ++i) table_rows<1>(out + i, table, in + i, rows, depth, width);
}

struct Scratch {
  Buffer a, b, even, odd, p, q;
  std::vector<T> sums, differences;
  explicit Scratch(const Call& call)
      : a(call.largest() + ROWS * 2 * call.vectors()), b(a.size()), sums(call.longest() * ROWS), differences(sums.size()) {
    int64_t most = ROWS * ((call.last().half() + LANES - 1) / LANES), inner = 2 * call.vectors();
    for (int64_t i = call.dims - 2; i >= 0; inner *= call.axis[i].kept, --i)
      most = std::max(most, std::max(call.axis[i].half(), call.axis[i].top() + 1) * inner);
    for (Buffer* buffer : {&even, &odd, &p, &q}) buffer->resize(most);
  }
};

// i times the complex vectors of `width` in parts of 2 `vectors`: sign +1, or -1 for -i.
inline V rotated(const V* z, int64_t i, int64_t vectors, T sign) {
  const bool real = i % (2 * vectors) < vectors;
  return real ? -sign * z[i + vectors] : sign * z[i - vectors];
}

void analyse_last(const Call& call, const T* x, int64_t group, Scratch& s) {
  const Axis& axis = call.last();
  const int64_t rows = call.rows(group), p = axis.period, half = axis.half(), vectors = call.vectors();
  for (int64_t row = 0; row < rows; row += ROWS) {
    const int64_t some = std::min<int64_t>(ROWS, rows - row);
    for (int64_t r = 0; r < ROWS; ++r) {
      const T* from = x + (row + std::min(r, some - 1)) * axis.points;
      T *sum = s.sums.data() + r, *difference = s.differences.data() + r;
      sum[0] = axis.vertices() ? call.end_weight() * (from[0] + from[p]) : from[0];
      for (int64_t j = 1; j < half; ++j) {
        sum[j * ROWS] = 2 * j == p ? from[j] : from[j] + from[p - j];
        difference[j * ROWS] = from[j] - from[p - j];
      }
    }
    V* out = s.a.data() + row * 2 * vectors;
    rows_times_table(out, 2 * vectors, s.sums.data(), axis.cosine, half, vectors);
    // at point 0 every sine vanishes
    rows_times_table(out + vectors, 2 * vectors, s.differences.data() + ROWS, axis.sine + vectors * LANES, half - 1, vectors);
  }
}

void analyse_axis(const Call& call, const Axis& axis, const V* in, V* out, int64_t width, Scratch& s) {
  const int64_t p = axis.period, half = axis.half(), top = axis.top(), vectors = call.vectors();
  for (int64_t j = 0; j < half; ++j) {
    const V *one = in + j * width, *other = in + (j ? p - j : p) * width;
    const bool alone = j ? 2 * j == p : !axis.vertices();
    const T weight = j ? 1 : axis.vertices() ? call.end_weight() : 1;
    for (int64_t i = 0; i < width; ++i) {
      s.even[j * width + i] = alone ? one[i] : weight * (one[i] + other[i]);
      if (j) s.odd[j * width + i] = one[i] - other[i];
    }
  }
  for (int64_t i = 0; i < width; ++i) s.odd[i] = V{};
  table_times_block(s.p.data(), axis.cosine, s.even.data(), top + 1, half, width);
  table_times_block(s.q.data(), axis.sine, s.odd.data(), top + 1, half, width);
  for (int64_t k = 0; k <= top; ++k) {
    const V *even = &s.p[k * width], *odd = &s.q[k * width];
    const int64_t positive = axis.positive(k), negative = axis.negative(k);
    for (int64_t i = 0; i < width; ++i) {
      const V turned = rotated(odd, i, vectors, -1);
      if (positive >= 0) out[positive * width + i] = even[i] + turned;
      if (negative >= 0) out[negative * width + i] = even[i] - turned;
    }
  }
}

void synthesise_axis(const Call& call, const Axis& axis, const V* in, V* out, int64_t width, Scratch& s) {
  const int64_t p = axis.period, half = axis.half(), top = axis.top(), vectors = call.vectors();
  for (int64_t k = 0; k <= top; ++k) {
    const int64_t positive = axis.positive(k), negative = axis.negative(k);
    V *sum = &s.even[k * width], *difference = &s.p[k * width];
    for (int64_t i = 0; i < width; ++i) {
      const V one = positive >= 0 ? in[positive * width + i] : V{}, other = negative >= 0 ? in[negative * width + i] : V{};
      sum[i] = one + other, difference[i] = one - other;
    }
    for (int64_t i = 0; i < width; ++i) s.odd[k * width + i] = rotated(difference, i, vectors, 1);
  }
  table_times_block(s.p.data(), axis.cosine, s.even.data(), half, top + 1, width);
  table_times_block(s.q.data(), axis.sine, s.odd.data(), half, top + 1, width);
  const T weight = axis.vertices() ? call.end_weight() : 1;
  for (int64_t i = 0; i < width; ++i) {
    out[i] = weight * s.p[i];
    if (axis.vertices()) out[p * width + i] = out[i];
  }
  for (int64_t j = 1; j < half; ++j)
    for (int64_t i = 0; i < width; ++i) {
      const V even = s.p[j * width + i], odd = s.q[j * width + i];
      out[j * width + i] = even + odd;
      if (2 * j != p) out[(p - j) * width + i] = even - odd;
    }
}

void synthesise_last(const Call& call, const V* in, T* x, int64_t group, Scratch& s) {
  const Axis& axis = call.last();
  const int64_t rows = call.rows(group), p = axis.period, half = axis.half(), vectors = call.vectors();
  const int64_t wide = (half + LANES - 1) / LANES;
  const T weight = axis.vertices() ? call.end_weight() : 1;
  for (int64_t row = 0; row < rows; row += ROWS) {
    const int64_t some = std::min<int64_t>(ROWS, rows - row);
    for (int64_t r = 0; r < ROWS; ++r) {
      const T* from = reinterpret_cast<const T*>(in + (row + std::min(r, some - 1)) * 2 * vectors);
      for (int64_t k = 0; k < axis.kept; ++k) {
        s.sums[k * ROWS + r] = from[k];
        s.differences[k * ROWS + r] = from[vectors * LANES + k];
      }
    }
    rows_times_table(s.p.data(), wide, s.sums.data(), axis.cosine, axis.kept, wide);
    // wavenumber 0 has no sine
    rows_times_table(s.q.data(), wide, s.differences.data() + ROWS, axis.sine + wide * LANES, axis.kept - 1, wide);
    for (int64_t r = 0; r < some; ++r) {
      const T *even = reinterpret_cast<const T*>(&s.p[r * wide]), *odd = reinterpret_cast<const T*>(&s.q[r * wide]);
      T* to = x + (row + r) * axis.points;
      if (!call.adds) std::fill_n(to, axis.points, T(0));
      to[0] += weight * even[0];
      if (axis.vertices()) to[p] += weight * even[0];
      for (int64_t j = 1; j < half; ++j) to[j] += even[j] + odd[j];
      for (int64_t j = 1; 2 * j < p; ++j) to[p - j] += even[j] - odd[j];
    }
  }
}

// Runs the axes between the last and the first; `forward` from fields to modes.
V* other_axes(const Call& call, Scratch& s, bool forward) {
  V *from = s.a.data(), *to = s.b.data();
  for (int64_t step = 0; step + 1 < call.dims; ++step) {
    const int64_t i = forward ? call.dims - 2 - step : step;
    int64_t outer = 1, width = 2 * call.vectors();
    for (int64_t k = 0; k < i; ++k) outer *= call.axis[k].points;
    for (int64_t k = i + 1; k + 1 < call.dims; ++k) width *= call.axis[k].kept;
    const Axis& axis = call.axis[i];
    for (int64_t o = 0; o < outer; ++o) {
      if (forward) analyse_axis(call, axis, from + o * axis.points * width, to + o * axis.kept * width, width, s);
      else synthesise_axis(call, axis, from + o * axis.kept * width, to + o * axis.points * width, width, s);
    }
    std::swap(from, to);
  }
  return from;
}

int64_t blocks(const Call& call) {
  int64_t blocks = 1;
  for (int64_t i = 0; i + 1 < call.dims; ++i) blocks *= call.axis[i].kept;
  return blocks;
}

}  // namespace

extern "C" void analyse(const int64_t* all) {
  const Call call(all);
  const int64_t many = blocks(call), vectors = call.vectors(), kept = call.last().kept, group = call.group();
#pragma omp parallel num_threads(call.threads) if (call.threads > 1)
  {
    Scratch s(call);
#pragma omp for schedule(static)
    for (int64_t item = 0; item < call.items; item += group) {
      const int64_t some = std::min(group, call.items - item);
      analyse_last(call, call.field + item * call.size(), some, s);
      const T* z = reinterpret_cast<const T*>(other_axes(call, s, true));
      for (int64_t one = item; one < item + some; ++one) {
        T* to = call.modes_of(one);
        for (int64_t block = 0; block < many; ++block, z += 2 * vectors * LANES)
          for (int64_t k = 0; k < kept; ++k, to += 2 * call.stride_mode) to[0] = z[k], to[1] = z[vectors * LANES + k];
      }
    }
  }
}

extern "C" void synthesise(const int64_t* all) {
  const Call call(all);
  const int64_t many = blocks(call), vectors = call.vectors(), kept = call.last().kept, group = call.group();
#pragma omp parallel num_threads(call.threads) if (call.threads > 1)
  {
    Scratch s(call);
#pragma omp for schedule(static)
    for (int64_t item = 0; item < call.items; item += group) {
      const int64_t some = std::min(group, call.items - item);
      T* z = reinterpret_cast<T*>(s.a.data());
      std::fill_n(z, some * many * 2 * vectors * LANES, T(0));
      for (int64_t one = item; one < item + some; ++one) {
        const T* from = call.modes_of(one);
        for (int64_t block = 0; block < many; ++block, z += 2 * vectors * LANES)
          for (int64_t k = 0; k < kept; ++k, from += 2 * call.stride_mode) z[k] = from[0], z[vectors * LANES + k] = from[1];
      }
      synthesise_last(call, other_axes(call, s, false), call.field + item * call.size(), some, s);
    }
  }
}
