// Numbers as they are stored, and as they are computed with: in float32 where they have 16 bits.
#pragma once

#include <algorithm>
#include <type_traits>

#include "math/vector.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace rnn {

struct Bfloat16 {
  std::uint16_t bits;
};
struct Float16 {
  std::uint16_t bits;
};
#if defined(__aarch64__)
typedef __fp16 CompilersFloat16;
#elif !defined(__F16C__)
typedef _Float16 CompilersFloat16;
#endif

typedef std::uint16_t Halves __attribute__((vector_size(kVectorBytes / 2)));
typedef std::uint32_t Words __attribute__((vector_size(kVectorBytes)));

inline Vector<float> load(const Bfloat16* from) {
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  return reinterpret_cast<Vector<float>>(__builtin_convertvector(halves, Words) << 16);
}

// To nearest, ties to even; a NaN stays one, whatever its low bits.
inline void store(Bfloat16* to, Vector<float> wide) {
  const Words bits = reinterpret_cast<Words>(wide);
  const Words rounded = bits + 0x7fff + (bits >> 16 & 1);
  const Words kept = (wide != wide ? bits | 0x400000 : rounded) >> 16;
  const Halves halves = __builtin_convertvector(kept, Halves);
  std::memcpy(to, &halves, sizeof halves);
}

inline Vector<float> load(const Float16* from) {
#if defined(__AVX512F__)
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#elif defined(__F16C__)
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#else
  CompilersFloat16 numbers[kLanes<float>];
  std::memcpy(numbers, from, sizeof numbers);
  Vector<float> wide;
  for (Index i = 0; i < kLanes<float>; ++i) wide[i] = numbers[i];
  return wide;
#endif
}

inline void store(Float16* to, Vector<float> wide) {
#if defined(__AVX512F__)
  const __m256i halves = _mm512_cvtps_ph(wide, _MM_FROUND_TO_NEAREST_INT);
  std::memcpy(to, &halves, sizeof halves);
#elif defined(__F16C__)
  const __m128i halves = _mm256_cvtps_ph(wide, _MM_FROUND_TO_NEAREST_INT);
  std::memcpy(to, &halves, sizeof halves);
#else
  CompilersFloat16 numbers[kLanes<float>];
  for (Index i = 0; i < kLanes<float>; ++i) numbers[i] = CompilersFloat16(wide[i]);
  std::memcpy(to, numbers, sizeof numbers);
#endif
}

// What a storage format is computed in.
template <class Stored>
struct Computed {
  using type = float;
};
template <>
struct Computed<double> {
  using type = double;
};
template <class Stored>
using RealOf = typename Computed<Stored>::type;

template <class Stored>
inline constexpr bool kConverts = sizeof(Stored) != sizeof(RealOf<Stored>);

// Fewer numbers than a vector has, through a copy that is padded with zeros.
template <class From, class To>
void convert_rest(const From* from, Index n, To* to) {
  constexpr Index L = kLanes<RealOf<From>>;
  From padded[L] = {};
  To made[L];
  std::copy_n(from, n, padded);
  store(made, load(padded));
  std::copy_n(made, n, to);
}

// n numbers, from one format into another.
template <class From, class To>
inline void convert(const From* from, Index n, To* to) {
  if constexpr (std::is_same_v<From, To>) {
    std::memcpy(to, from, std::size_t(n) * sizeof(From));
  } else {
    constexpr Index L = kLanes<RealOf<From>>;
    const Index whole = n / L * L;
    for (Index i = 0; i < whole; i += L) store(to + i, load(from + i));
    if (whole < n) convert_rest(from + whole, n - whole, to + whole);
  }
}

// n numbers in another format, in memory for them; or where they lie, if it is their own.
template <class From, class To>
inline const To* converted(const From* from, Index n, To* memory) {
  if constexpr (std::is_same_v<From, To>) {
    return from;
  } else {
    convert(from, n, memory);
    return memory;
  }
}

// Rounds whole vectors of numbers to what the storage format can hold.
template <class Stored>
void round(RealOf<Stored>* values, Index n) {
  if constexpr (kConverts<Stored>)
    for (Index i = 0; i < n; i += kLanes<RealOf<Stored>>) {
      Stored stored[kLanes<RealOf<Stored>>];
      store(stored, load(values + i));
      store(values + i, load(stored));
    }
}

}  // namespace rnn
