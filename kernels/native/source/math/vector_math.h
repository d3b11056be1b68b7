// tanh of a vector. NaN stays NaN.
#pragma once

#include "math/vector.h"

namespace rnn {

template <class Real>
struct BitsOf;
template <>
struct BitsOf<float> {
  using type = std::int32_t;
  static constexpr int mantissa = 23, bias = 127, terms = 7;
};
template <>
struct BitsOf<double> {
  using type = std::int64_t;
  static constexpr int mantissa = 52, bias = 1023, terms = 14;
};

// tanh |x| = e / (e + 2) with e = exp(2|x|) - 1 = 2^n (exp(r) - 1) + 2^n - 1, where r = 2|x| - n ln 2
// is at most ln(2) / 2 and exp(r) - 1 its Taylor polynomial: exact to a few units in the last place,
// near 0 too.
template <class Real>
inline Vector<Real> tanh(Vector<Real> x) {
  using V = Vector<Real>;
  using Bits = typename BitsOf<Real>::type;
  typedef Bits VBits __attribute__((vector_size(kVectorBytes)));
  constexpr Real most = 22;  // tanh is 1 beyond, in both precisions
  // ln 2 in two parts, the first of few bits, so that n times it is exact.
  constexpr Real ln2_high = Real(0.693145751953125), ln2_low = Real(1.42860682030941723212e-6);
  const V zero{};
  V t = x < zero ? -x : x;
  t = t > most ? zero + most : t;
  t = t + t;
  const Real shift = Real(3) * Real(Bits(1) << (BitsOf<Real>::mantissa - 1));  // rounds to integers
  const V n = (t * Real(1.44269504088896340736) + shift) - shift;
  const V r = (t - n * ln2_high) - n * ln2_low;
  V series = zero + Real(1);
#pragma GCC unroll 16
  for (int i = BitsOf<Real>::terms; i > 1; --i) series = Real(1) + series * r * (Real(1) / Real(i));
  const VBits exponent = (__builtin_convertvector(n, VBits) + BitsOf<Real>::bias)
                         << BitsOf<Real>::mantissa;
  V power;
  std::memcpy(&power, &exponent, sizeof power);
  const V e = power * (series * r) + (power - Real(1));
  const V y = e / (e + Real(2));
  return x < zero ? -y : x == zero ? x : y;
}

}  // namespace rnn
