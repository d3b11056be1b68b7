// One layer, or its recurrence, as the caller holds it.
#pragma once

#include "math/vector.h"

namespace rnn {

// Arrays of the notation, row-major: x (T, B, I), h0 (B, H), and so on. A recurrence alone has only
// w_hh and h0.
template <class Stored>
struct Problem {
  Index T, B, I, H, O;
  const Stored *w_xh, *w_hh, *b_h, *w_ho, *b_o, *x, *h0;
};

}  // namespace rnn
