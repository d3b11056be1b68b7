// One layer, or its recurrence, as the caller holds it.
#pragma once

#include <cstdint>

#include "math/vector.h"

namespace rnn {

// A state or its derivative: h (B, H), and what a cell carries beside it (kCarried, B, H). Two arrays,
// for the caller has them apart, and joining and dividing them would take calls of XLA's own.
template <class Number>
struct State {
  Number *h, *carried;
};
template <class Number>
State(Number*, Number*) -> State<Number>;

// Arrays of the notation, row-major: x (T, B, I), and so on. Columns of w_x, w_h and biases lie slot
// after slot; b_x are the biases of slots that x fills, b_h those of the others. A recurrence alone
// has only w_h, b_h and an initial state. Lengths, from 0 to T, are null where every row is a sequence
// of T steps; a reverse direction starts at their ends.
template <class Stored>
struct Problem {
  Index T, B, I, H, O;
  const Stored *w_x, *w_h, *b_x, *b_h, *w_o, *b_o, *x;
  State<const Stored> initial;
  const std::int32_t* lengths;
  bool reverse;
};

}  // namespace rnn
