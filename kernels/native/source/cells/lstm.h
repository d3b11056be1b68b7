// c' = f c + i g,  h' = o tanh(c'),  of the slots i, f, g, o
#pragma once

#include "cells/cell.h"

namespace rnn {

struct Lstm {
  static constexpr Index kSlots = 4, kFromX = 4, kFromH = 4, kCarried = 1, kSaved = 4;
  static constexpr bool kGates = true, kDirect = false, kMakesZeros = false;

  template <class Real>
  static void gates(Vector<Real> (&slots)[kSlots]) {
    slots[0] = sigmoid<Real>(slots[0]), slots[1] = sigmoid<Real>(slots[1]);
    slots[2] = tanh<Real>(slots[2]), slots[3] = sigmoid<Real>(slots[3]);
  }

  template <class Real>
  static void step(Ahead<Lstm, Real>& s) {
    const auto i = s.slots[0], f = s.slots[1], g = s.slots[2], o = s.slots[3];
    s.carried[0] = f * s.carried[0] + i * g;
    s.h = o * tanh<Real>(s.carried[0]);
    s.saved[0] = i, s.saved[1] = f, s.saved[2] = g, s.saved[3] = o;
  }

  template <class Real>
  static void step_back(Back<Lstm, Real>& s) {
    const auto i = s.saved[0], f = s.saved[1], g = s.saved[2], o = s.saved[3];
    const auto one = Vector<Real>{} + Real(1), squashed = tanh<Real>(s.carried[0]);
    const auto dc = s.dcarried[0] + s.dh * o * (one - squashed * squashed);
    s.dslots[0] = dc * g * i * (one - i);
    s.dslots[1] = dc * s.carried_before[0] * f * (one - f);
    s.dslots[2] = dc * i * (one - g * g);
    s.dslots[3] = s.dh * squashed * o * (one - o);
    s.dcarried[0] = dc * f;
  }
};

}  // namespace rnn
