// h' = n + z (h - n),  n = tanh(n_x + r n_h),  of the slots n_x, r, z, n_h
#pragma once

#include "cells/cell.h"

namespace rnn {

struct Gru {
  static constexpr Index kSlots = 4, kFromX = 3, kFromH = 3, kCarried = 0, kSaved = 4;
  static constexpr bool kGates = true, kDirect = true, kMakesZeros = false;

  template <class Real>
  static void gates(Vector<Real> (&slots)[kSlots]) {
    const auto r = slots[1] = sigmoid<Real>(slots[1]);
    slots[2] = sigmoid<Real>(slots[2]);
    slots[0] += r * slots[3];
  }

  template <class Real>
  static void step(Ahead<Gru, Real>& s) {
    const auto n = tanh<Real>(s.slots[0]), r = s.slots[1], z = s.slots[2], n_h = s.slots[3];
    s.h = n + z * (s.h - n);
    s.saved[0] = n, s.saved[1] = r, s.saved[2] = z, s.saved[3] = n_h;
  }

  template <class Real>
  static void step_back(Back<Gru, Real>& s) {
    const auto n = s.saved[0], r = s.saved[1], z = s.saved[2], n_h = s.saved[3];
    const auto one = Vector<Real>{} + Real(1);
    const auto dn = s.dh * (one - z) * (one - n * n);
    s.dslots[0] = dn;
    s.dslots[1] = dn * n_h * r * (one - r);
    s.dslots[2] = s.dh * (s.h_before - n) * z * (one - z);
    s.dslots[3] = dn * r;
    s.direct = s.dh * z;
  }
};

}  // namespace rnn
