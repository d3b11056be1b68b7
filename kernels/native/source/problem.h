// One layer, or its recurrence, as the caller holds it.
#pragma once

#include <cstdint>

#include "math/vector.h"

namespace rnn {

// Arrays of the notation, row-major: x (T, B, I), and so on. Columns of w_x, w_h and biases lie slot
// after slot; b_x are the biases of slots that x fills, b_h those of the others. The initial state
// is (1 + kCarried, B, H), h first. A recurrence alone has only w_h, b_h and that. Lengths, from 0 to
// T, are null where every row is a sequence of T steps; a reverse direction starts at their ends.
template <class Stored>
struct Problem {
  Index T, B, I, H, O;
  const Stored *w_x, *w_h, *b_x, *b_h, *w_o, *b_o, *x, *initial;
  const std::int32_t* lengths;
  bool reverse;
};

}  // namespace rnn
