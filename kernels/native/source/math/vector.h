// The widest vectors of the instruction set compiled for, in GCC's and Clang's vector notation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rnn {

using Index = std::ptrdiff_t;

// kGroupsAtOnce: how many groups of k one turn of the innermost loop takes. Where two hardware threads
// share a core's decoder, every instruction beside the multiply-adds costs time.
#if defined(__AVX512F__)
inline constexpr Index kVectorBytes = 64;
inline constexpr Index kGroupsAtOnce = 1;
inline constexpr Index kMostRows = 14;  // 14 rows of 2 vectors, 2 of W: 30 of 32 registers
#elif defined(__AVX2__)
inline constexpr Index kVectorBytes = 32;
inline constexpr Index kGroupsAtOnce = 4;
inline constexpr Index kMostRows = 6;  // 12 + 2 + 1 broadcast: 15 of 16
#elif defined(__aarch64__)
inline constexpr Index kVectorBytes = 16;
inline constexpr Index kGroupsAtOnce = 1;
inline constexpr Index kMostRows = 12;  // 24 + 2 + 1: 27 of 32
#else
inline constexpr Index kVectorBytes = 16;
inline constexpr Index kGroupsAtOnce = 1;
inline constexpr Index kMostRows = 5;  // 10 + 2 + 1, and a product before it is added
#endif

template <class Real>
inline constexpr Index kLanes = kVectorBytes / Index(sizeof(Real));

template <class Real>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes)));
};
template <class Real>
using Vector = typename VectorOf<Real>::type;

template <class Real>
inline Vector<Real> load(const Real* from) {
  Vector<Real> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class Real>
inline void store(Real* to, Vector<Real> v) {
  std::memcpy(to, &v, sizeof v);
}

// Bring memory into the second-level cache: the first holds what is being multiplied.
template <Index kBytes>
inline void prefetch(const void* from) {
  constexpr Index line = 64;
  for (Index i = 0; i < kBytes; i += line)
    __builtin_prefetch(static_cast<const char*>(from) + i, 0, 2);
}

// Subtracting 0 costs nothing; adding 0 would cost an instruction, for the sake of -0.
template <class Real>
inline Vector<Real> spread(Real value) {
  return value - Vector<Real>{};
}

}  // namespace rnn
