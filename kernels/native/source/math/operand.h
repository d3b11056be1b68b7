// What products multiply, and the instruction that does.
#pragma once

#include "math/number.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace rnn {

// What a storage format is computed in, or the format itself where the instruction set multiplies it
// and adds up in float32.
template <class Stored>
struct Multiplied {
  using type = RealOf<Stored>;
};
#if defined(__AVX512BF16__)
template <>
struct Multiplied<Bfloat16> {
  using type = Bfloat16;
};
#endif
template <class Stored>
using OperandOf = typename Multiplied<Stored>::type;

// An instruction takes a group of this many terms of a sum, which lie side by side.
template <class Operand>
inline constexpr Index kGroup = kConverts<Operand> ? 2 : 1;

// A sum's terms as memory is laid out for them: whole groups, the last one filled up with zeros.
template <class Operand>
constexpr Index whole_groups(Index K) {
  return (K + kGroup<Operand> - 1) / kGroup<Operand> * kGroup<Operand>;
}

// A group for each lane; one group for all lanes; and sum += a b, summed over each group.
template <class Real>
inline Vector<Real> load_groups(const Real* from) {
  return load(from);
}
template <class Real>
inline Vector<Real> spread_group(const Real* from) {
  return spread<Real>(*from);
}
template <class V>
inline void multiply_add(V& sum, V a, V b) {
  sum += a * b;
}

#if defined(__AVX512BF16__)
inline __m512bh load_groups(const Bfloat16* from) {
  __m512bh groups;
  std::memcpy(&groups, from, sizeof groups);
  return groups;
}
inline __m512bh spread_group(const Bfloat16* from) {
  std::int32_t group;
  std::memcpy(&group, from, sizeof group);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(group));
}
// Two rows of n numbers side by side, as a group of rows lies in memory.
inline void interleave(const Bfloat16* even, const Bfloat16* odd, Index n, Bfloat16* to) {
  for (Index i = 0; i < n; i += 16) {
    const __mmask16 left = n - i < 16 ? (1u << (n - i)) - 1 : 0xffff;
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(left, even + i));
    const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(left, odd + i));
    _mm512_mask_storeu_epi32(to + 2 * i, left, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
}
// Subnormal numbers count as 0.
inline void multiply_add(Vector<float>& sum, __m512bh a, __m512bh b) {
  sum = _mm512_dpbf16_ps(sum, a, b);
}
#endif

}  // namespace rnn
