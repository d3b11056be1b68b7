// The pointwise half of the Elman cell, a vector at a time. NaN stays NaN.
#pragma once

#include "math/vector_math.h"

namespace rnn {

enum class Activation { kRelu, kTanh };

template <Activation kActivation, class Real>
inline Vector<Real> activate(Vector<Real> x) {
  if constexpr (kActivation == Activation::kTanh) return tanh<Real>(x);
  const Vector<Real> zero{};
  return x <= zero ? zero : x;
}

// upstream act'(h), from h = act(x) itself; relu's is 0 at 0.
template <Activation kActivation, class Real>
inline Vector<Real> slope(Vector<Real> upstream, Vector<Real> h) {
  if constexpr (kActivation == Activation::kTanh) return upstream * (Real(1) - h * h);
  const Vector<Real> zero{};
  return h > zero ? upstream : zero;
}

}  // namespace rnn
