// The product of a step: state times W_h, or W_h^T on the way back.
#pragma once

#include <atomic>
#include <vector>

#include "math/pack.h"
#include "math/sparse.h"

namespace rnn {

// A single row leaves nothing to reuse: its step takes as long as reading W_h. relu makes many
// states 0, and the rows of W_h that they would multiply need not be read, unless one holds a NaN
// or an infinity, which 0 does not silence.
template <class Operand>
class RecurrentProduct {
 public:
  // For states of H numbers, on a team of `size`.
  void prepare(Index H, bool skip_zeros, Index size) {
    H_ = H;
    sparse_ = skip_zeros;
    if (skip_zeros) places_.assign(size, std::vector<std::int32_t>(H + kPlacesAtOnce));
  }

  // A rank's share of W_h.
  void inspect(Right<Operand> w, Range panels) {
    if (sparse_ && !finite(w, H_, panels)) sparse_ = false;
  }

  // strips = from + states w, for the first `rows` of each. `from` may be the strips.
  void multiply(Index rank, Rows<Operand> states, Index rows, Right<Operand> w, Range panels,
                From<RealOf<Operand>> from, Strips<RealOf<Operand>> strips) {
    if (!rows) return;
    const Left<Operand, Read::kRows> left = states.from(0);
    if (!sparse_) return product(left, rows, w, H_, panels, from, strips);
    std::int32_t* places = places_[rank].data();
    sparse_product(left, places, find_nonzero(left, H_, places), w, panels, from, strips);
  }

 private:
  Index H_ = 0;
  std::atomic<bool> sparse_{false};
  std::vector<std::vector<std::int32_t>> places_;
};

}  // namespace rnn
