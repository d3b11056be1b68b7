// Copies between matrices as callers hold them (row-major, in storage format) and as tiles read
// and write them.
#pragma once

#include "number.h"
#include "product.h"

namespace rnn {

// Columns of a row-major (K, N) matrix as panels, the last one filled up with zeros.
template <class Stored>
void pack(const Stored* from, Index K, Index N, Range panels, RealOf<Stored>* to) {
  using Real = RealOf<Stored>;
  constexpr Index W = kPanel<Real>;
  for (Index p = panels.first; p < panels.last; ++p) {
    const Index width = std::min(W, N - p * W);
    for (Index k = 0; k < K; ++k) {
      Real* row = to + (p * K + k) * W;
      widen(from + k * N + p * W, width, row);
      std::fill(row + width, row + W, Real(0));
    }
  }
}

// The same of the transpose of a row-major (N, K) matrix.
template <class Stored>
void pack_transposed(const Stored* from, Index K, Index N, Range panels, RealOf<Stored>* to) {
  using Real = RealOf<Stored>;
  constexpr Index W = kPanel<Real>, kBlock = 16;
  for (Index p = panels.first; p < panels.last; ++p) {
    const Index width = std::min(W, N - p * W);
    Real* panel = to + p * K * W;
    for (Index k0 = 0; k0 < K; k0 += kBlock)  // a block of both sides stays in cache
      for (Index n = 0; n < W; ++n)
        for (Index k = k0; k < std::min(k0 + kBlock, K); ++k)
          panel[k * W + n] = n < width ? widen(from[(p * W + n) * K + k]) : Real(0);
  }
}

// A row of K numbers, to be read by rows.
template <class Stored>
void scatter(const Stored* from, Index K, Rows<RealOf<Stored>> to, Index row) {
  for (Index k = 0; k < K; k += kDepth) widen(from + k, std::min(kDepth, K - k), to.at(row, k));
}

// Rows of a row-major (., N) matrix into the same rows of strips, filled up with zeros.
template <class Stored>
void load_strips(const Stored* from, Index N, Range rows, Range panels,
                 Strips<RealOf<Stored>> to) {
  constexpr Index W = kPanel<RealOf<Stored>>;
  for (Index p = panels.first; p < panels.last; ++p) {
    const Index width = std::min(W, N - p * W);
    for (Index row = rows.first; row < rows.last; ++row) {
      widen(from + row * N + p * W, width, to.at(p, row));
      std::fill(to.at(p, row) + width, to.at(p, row) + W, RealOf<Stored>(0));
    }
  }
}

// And back.
template <class Stored>
void store_strips(Strips<RealOf<Stored>> from, Index N, Range rows, Range panels, Stored* to) {
  constexpr Index W = kPanel<RealOf<Stored>>;
  for (Index row = rows.first; row < rows.last; ++row)
    for (Index p = panels.first; p < panels.last; ++p)
      narrow(from.at(p, row), std::min(W, N - p * W), to + row * N + p * W);
}

// The same row of panels in every row of strips.
template <class Real>
void fill_strips(const Real* row_of_panels, Range rows, Range panels, Strips<Real> to) {
  constexpr Index W = kPanel<Real>;
  for (Index p = panels.first; p < panels.last; ++p)
    for (Index row = rows.first; row < rows.last; ++row)
      std::copy_n(row_of_panels + p * W, W, to.at(p, row));
}

template <class Real>
void clear_strips(Strips<Real> strips, Range rows, Range panels) {
  for (Index p = panels.first; p < panels.last; ++p)
    std::fill(strips.at(p, rows.first), strips.at(p, rows.last), Real(0));
}

}  // namespace rnn
