// h' = tanh(slot)
#pragma once

#include "cells/elman.h"

namespace rnn {

struct Tanh : Elman {
  static constexpr bool kMakesZeros = false;

  template <class Real>
  static void step(Ahead<Tanh, Real>& s) {
    s.h = tanh<Real>(s.slots[0]);
  }

  template <class Real>
  static void step_back(Back<Tanh, Real>& s) {
    s.dslots[0] = s.dh * (Real(1) - s.h * s.h);
  }
};

}  // namespace rnn
