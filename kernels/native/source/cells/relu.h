// h' = max(slot, 0), but NaN stays NaN.
#pragma once

#include "cells/elman.h"

namespace rnn {

struct Relu : Elman {
  static constexpr bool kMakesZeros = true;

  template <class Real>
  static void step(Ahead<Relu, Real>& s) {
    const Vector<Real> zero{};
    s.h = s.slots[0] <= zero ? zero : s.slots[0];
  }

  // Its slope is 0 at 0.
  template <class Real>
  static void step_back(Back<Relu, Real>& s) {
    const Vector<Real> zero{};
    s.dslots[0] = s.h > zero ? s.dh : zero;
  }
};

}  // namespace rnn
