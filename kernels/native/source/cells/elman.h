// What the Elman cells relu and tanh have in common: one slot, and nothing but h to pass on.
#pragma once

#include "cells/cell.h"

namespace rnn {

struct Elman {
  static constexpr Index kSlots = 1, kFromX = 1, kFromH = 1, kCarried = 0, kSaved = 0;
  static constexpr bool kGates = false, kDirect = false;

  template <class Real>
  static void gates(Vector<Real> (&)[kSlots]) {}
};

}  // namespace rnn
