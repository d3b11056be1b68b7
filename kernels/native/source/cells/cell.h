// What a cell is: a struct of constants and three functions, a vector of hidden units at a time. `gates`
// turns a step's slots into what `step` reads; without kGates it does nothing. All gates of a row are
// made before its states: a function is a chain of dependent instructions, and a new state's tanh, which
// waits for its gates, would hold up the gates behind it.
//
// `reference/cells` states the mathematics. A hidden unit has kSlots numbers, of which the input
// fills the first kFromX; the recurrent product is added to the last kFromH. kCarried numbers pass
// from step to step beside h, and kSaved are kept for the way back. kDirect: h also reaches the next
// state past the recurrent product. kMakesZeros: many states are exactly 0.
#pragma once

#include "math/vector_math.h"

namespace rnn {

constexpr Index at_least_one(Index n) { return n > 0 ? n : 1; }

// One step forward: slots, after `gates`, and the state before come in; the state after and what is saved
// go out.
template <class Cell, class Real>
struct Ahead {
  using V = Vector<Real>;
  V slots[Cell::kSlots];
  V h;                                   // before, then after
  V carried[at_least_one(Cell::kCarried)];  // before, then after
  V saved[at_least_one(Cell::kSaved)];
};

// One step back: everything but dslots and direct comes in; dcarried is first of the state after,
// then of the state before.
template <class Cell, class Real>
struct Back {
  using V = Vector<Real>;
  V dh, h, h_before;
  V carried[at_least_one(Cell::kCarried)], carried_before[at_least_one(Cell::kCarried)];
  V saved[at_least_one(Cell::kSaved)];
  V dcarried[at_least_one(Cell::kCarried)];
  V dslots[Cell::kSlots];
  V direct;
};

}  // namespace rnn
