// tanh and the sigmoid of a vector. NaN stays NaN.
#pragma once

#include "math/vector.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace rnn {

template <class Real>
struct BitsOf;
template <>
struct BitsOf<float> {
  using type = std::int32_t;
  static constexpr int mantissa = 23, bias = 127, terms = 7;
  static constexpr float largest = 87;  // of which exp is no infinity, and of its negative not 0
};
template <>
struct BitsOf<double> {
  using type = std::int64_t;
  static constexpr int mantissa = 52, bias = 1023, terms = 14;
  static constexpr double largest = 708;
};

template <class Real>
constexpr Real one_over_factorial(int n) {
  double product = 1;
  for (int i = 2; i <= n; ++i) product *= i;
  return Real(1 / product);
}

// t limited to between -most and most; NaN stays NaN. With AVX2, minimum and maximum are one instruction
// each instead of a comparison and a choice; both return their second operand if it is NaN.
template <class Real>
inline Vector<Real> within(Vector<Real> t, Real most) {
  const Vector<Real> highest = Vector<Real>{} + most, lowest = -highest;
#if defined(__AVX2__) && !defined(__AVX512F__)
  if constexpr (sizeof(Real) == 4) return _mm256_max_ps(lowest, _mm256_min_ps(highest, t));
#endif
  t = t > highest ? highest : t;
  return t < lowest ? lowest : t;
}

// exp(t) = power (1 + rest) with power = 2^n and rest = exp(r) - 1, where r = t - n ln 2 is at most
// ln(2) / 2, and exp(r) - 1 its Taylor polynomial: exact to a few units in the last place, near 0 too.
template <class Real>
struct Exponential {
  Vector<Real> power, rest;

  Vector<Real> minus_one() const { return power * rest + (power - Real(1)); }
  Vector<Real> plus_one() const { return power * rest + (power + Real(1)); }
};

template <class Real>
inline Exponential<Real> exponential(Vector<Real> t) {
  using V = Vector<Real>;
  using Bits = typename BitsOf<Real>::type;
  typedef Bits VBits __attribute__((vector_size(kVectorBytes)));
  constexpr int mantissa = BitsOf<Real>::mantissa, terms = BitsOf<Real>::terms;
  // ln 2 in two parts, the first of few bits, so that n times it is exact.
  constexpr Real ln2_high = Real(0.693145751953125), ln2_low = Real(1.42860682030941723212e-6);
  t = within<Real>(t, BitsOf<Real>::largest);
  const Real shift = Real(3) * Real(Bits(1) << (mantissa - 1));  // rounds to integers
  const V shifted = t * Real(1.44269504088896340736) + shift, n = shifted - shift;
  const V r = (t - n * ln2_high) - n * ln2_low;
  V series = V{} + one_over_factorial<Real>(terms);
#pragma GCC unroll 16
  for (int i = terms - 1; i > 0; --i) series = series * r + one_over_factorial<Real>(i);
  VBits exponent;  // n, in the low bits of what was shifted
  std::memcpy(&exponent, &shifted, sizeof shifted);
  exponent = (exponent << mantissa) + (Bits(BitsOf<Real>::bias) << mantissa);
  V power;
  std::memcpy(&power, &exponent, sizeof power);
  return {power, series * r};
}

// 1 / x, to a unit in the last place, for x of at least 1. Where the instruction set has an estimate
// of 14 bits, one step of Newton's makes 28 of it, and takes half the time of a division.
template <class Real>
inline Vector<Real> reciprocal(Vector<Real> x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(Real) == 4) {
    const Vector<Real> estimate = _mm512_rcp14_ps(x);
    return estimate + estimate * (Real(1) - x * estimate);
  }
#endif
  return Real(1) / x;
}

// tanh x = e / (e + 2) with e = exp(2x) - 1: to a few units in the last place, near 0 too.
template <class Real>
inline Vector<Real> tanh(Vector<Real> x) {
  const Vector<Real> e = exponential<Real>(x + x).minus_one();
  return e * reciprocal<Real>(e + Real(2));
}

// 1 / (1 + exp(-x)), to a few units in the last place.
template <class Real>
inline Vector<Real> sigmoid(Vector<Real> x) {
  return reciprocal<Real>(exponential<Real>(-x).plus_one());
}

}  // namespace rnn
