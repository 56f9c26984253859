// The coefficients of ConFIG's update of m gradients, from their Gram matrix: `sciml/optim/config.py` states the formula.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {  // several of these libraries live in one process

constexpr int SWEEPS = 30;
constexpr double RANK_TOLERANCE = 1e-12, NEGLIGIBLE = 1e-18;  // of cosines

struct Matrix {
  int64_t m;
  std::vector<double> entries;
  explicit Matrix(int64_t m) : m(m), entries(m * m) {}
  double& operator()(int64_t i, int64_t j) { return entries[i * m + j]; }
};

// Turn symmetric `a` into the diagonal matrix of its eigenvalues by cyclic Jacobi rotations; the columns of `v` become its eigenvectors.
void diagonalise(Matrix& a, Matrix& v) {
  const int64_t m = a.m;
  for (int64_t i = 0; i < m; ++i) v(i, i) = 1;
  for (int sweep = 0; sweep < SWEEPS; ++sweep) {
    bool rotated = false;
    for (int64_t p = 0; p < m; ++p)
      for (int64_t q = p + 1; q < m; ++q) {
        if (std::abs(a(p, q)) <= NEGLIGIBLE) continue;
        rotated = true;
        const double ratio = (a(q, q) - a(p, p)) / (2 * a(p, q));
        const double t = std::copysign(1 / (std::abs(ratio) + std::hypot(1.0, ratio)), ratio);
        const double c = 1 / std::hypot(1.0, t), s = c * t;
        for (int64_t k = 0; k < m; ++k) {
          const double x = a(k, p), y = a(k, q);
          a(k, p) = c * x - s * y, a(k, q) = s * x + c * y;
        }
        for (int64_t k = 0; k < m; ++k) {
          const double x = a(p, k), y = a(q, k);
          a(p, k) = c * x - s * y, a(q, k) = s * x + c * y;
        }
        a(p, q) = a(q, p) = 0;
        for (int64_t k = 0; k < m; ++k) {
          const double x = v(k, p), y = v(k, q);
          v(k, p) = c * x - s * y, v(k, q) = s * x + c * y;
        }
      }
    if (!rotated) return;
  }
}

}  // namespace

// `weights` or `lengths` null: ones, or the norms of the gradients. False where the Gram matrix is not finite.
extern "C" bool config_coefficients(const double* gram, int64_t m, const double* weights, const double* lengths, double* coefficients) {
  std::vector<double> norms(m), target(m), units(m), covered(m);
  for (int64_t i = 0; i < m; ++i) {
    norms[i] = std::sqrt(gram[i * m + i]);
    if (!std::isfinite(norms[i])) return false;
    // a zero gradient has no direction: its row and column vanish, and with them its share of the target
    target[i] = norms[i] > 0 ? (weights ? weights[i] : 1) : 0;
  }
  Matrix cosines(m), vectors(m);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < m; ++j) cosines(i, j) = norms[i] > 0 && norms[j] > 0 ? gram[i * m + j] / norms[i] / norms[j] : 0;
  diagonalise(cosines, vectors);
  double largest = 0, square = 0;
  for (int64_t k = 0; k < m; ++k) largest = std::max(largest, cosines(k, k));
  for (int64_t k = 0; k < m; ++k) {
    const double value = cosines(k, k);
    if (value <= RANK_TOLERANCE * largest) continue;  // zero to rounding
    double part = 0;
    for (int64_t i = 0; i < m; ++i) part += vectors(i, k) * target[i];
    square += part * part / value;
    for (int64_t i = 0; i < m; ++i) {
      units[i] += part / value * vectors(i, k);
      covered[i] += part * vectors(i, k);
    }
  }
  double length = 0;
  for (int64_t i = 0; i < m; ++i) length += (lengths ? lengths[i] : norms[i]) * covered[i];
  const bool some = std::sqrt(square) > RANK_TOLERANCE;
  for (int64_t i = 0; i < m; ++i) coefficients[i] = some && norms[i] > 0 ? length / square * units[i] / norms[i] : 0;
  return true;
}
