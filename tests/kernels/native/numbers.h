// Numbers of 16 bits: each of them there and back, and what lies between two neighbours, which
// becomes the nearer one, or halfway the even one.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

#include "math/number.h"

template <class Half>
struct Format;
template <>
struct Format<rnn::Float16> {
  static constexpr int kMantissa = 10, kBias = 15;
};
template <>
struct Format<rnn::Bfloat16> {
  static constexpr int kMantissa = 7, kBias = 127;
};

// What a finite number's bits say (IEEE 754-2019, section 3.4).
template <class Half>
float exact(int bits) {
  constexpr int kMantissa = Format<Half>::kMantissa, kLeast = 1 - Format<Half>::kBias - kMantissa;
  const int fraction = bits & ((1 << kMantissa) - 1), exponent = (bits & 0x7fff) >> kMantissa;
  const float size = exponent
                         ? std::ldexp(float(fraction + (1 << kMantissa)), exponent - 1 + kLeast)
                         : std::ldexp(float(fraction), kLeast);
  return bits & 0x8000 ? -size : size;
}

template <class Half>
void check_numbers(const char* name) {
  constexpr int kInfinity = 0x7fff >> Format<Half>::kMantissa << Format<Half>::kMantissa;
  std::vector<float> from;
  std::vector<int> want;
  const auto becomes = [&](float number, int bits) { from.push_back(number), want.push_back(bits); };
  for (const int sign : {0, 0x8000}) {
    for (int low = sign; low < sign + kInfinity - 1; ++low) {
      const float here = exact<Half>(low), next = exact<Half>(low + 1);
      const float middle = here / 2 + next / 2;
      becomes(here, low), becomes(middle, low + (low & 1));
      becomes(std::nextafter(middle, here), low), becomes(std::nextafter(middle, next), low + 1);
    }
    const float infinity = std::numeric_limits<float>::infinity();
    becomes(sign ? -infinity : infinity, sign + kInfinity);
    becomes(exact<Half>(sign + kInfinity - 1), sign + kInfinity - 1);
  }
  const rnn::Index n = rnn::Index(from.size());
  std::vector<Half> halves(n);
  rnn::convert(from.data(), n, halves.data());
  std::vector<float> back(n);
  rnn::convert(halves.data(), n, back.data());
  for (rnn::Index i = 0; i < n; ++i) {
    const bool infinite = (want[i] & 0x7fff) == kInfinity;
    const float value = infinite ? from[i] : exact<Half>(want[i]);
    if (halves[i].bits != want[i] || back[i] != value || std::signbit(back[i]) != want[i] >> 15)
      std::printf("%s: %g became %x, then %g\n", name, from[i], halves[i].bits, back[i]), std::exit(1);
  }
  float nan = std::numeric_limits<float>::quiet_NaN();
  Half half;
  rnn::convert(&nan, 1, &half), rnn::convert(&half, 1, &nan);
  if (nan == nan) std::printf("%s: a NaN became %g\n", name, nan), std::exit(1);
}
