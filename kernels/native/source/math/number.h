// Numbers as they are stored, and as they are computed with.
#pragma once

#include "math/vector.h"

namespace rnn {

struct Bfloat16 {
  std::uint16_t bits;
};

inline float widen(Bfloat16 stored) {
  const std::uint32_t bits = std::uint32_t(stored.bits) << 16;
  float wide;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

// To nearest, ties to even; a NaN stays one, whatever its low bits.
inline void narrow(float wide, Bfloat16& stored) {
  std::uint32_t bits;
  std::memcpy(&bits, &wide, sizeof bits);
  const std::uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
  stored.bits = std::uint16_t((wide != wide ? bits | 0x400000 : rounded) >> 16);
}

inline float widen(float stored) { return stored; }
inline double widen(double stored) { return stored; }
inline void narrow(float wide, float& stored) { stored = wide; }
inline void narrow(double wide, double& stored) { stored = wide; }

// What a storage format is computed in.
template <class Stored>
using RealOf = decltype(widen(Stored{}));

template <class Stored>
inline constexpr bool kConverts = sizeof(Stored) != sizeof(RealOf<Stored>);

template <class Stored>
inline void widen(const Stored* from, Index n, RealOf<Stored>* to) {
  if constexpr (kConverts<Stored>)
    for (Index i = 0; i < n; ++i) to[i] = widen(from[i]);
  else
    std::memcpy(to, from, std::size_t(n) * sizeof(Stored));
}

template <class Stored>
inline void narrow(const RealOf<Stored>* from, Index n, Stored* to) {
  if constexpr (kConverts<Stored>)
    for (Index i = 0; i < n; ++i) narrow(from[i], to[i]);
  else
    std::memcpy(to, from, std::size_t(n) * sizeof(Stored));
}

// Round to what the storage format can hold.
template <class Stored>
void round(RealOf<Stored>* values, Index n) {
  if constexpr (kConverts<Stored>)
    for (Index i = 0; i < n; ++i) {
      Stored stored;
      narrow(values[i], stored);
      values[i] = widen(stored);
    }
}

}  // namespace rnn
