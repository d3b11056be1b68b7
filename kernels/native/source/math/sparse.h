// The product of a single row, of which only the numbers that are not zero count.
#pragma once

#include <type_traits>

#include "math/product.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace rnn {

// Places are written this many at a time; those behind the last one found are overwritten or not read.
inline constexpr Index kPlacesAtOnce = 16;

#if defined(__AVX512F__)
// 0, G, 2 G, ...
inline __m512i every(Index G) {
  const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  return _mm512_mullo_epi32(lanes, _mm512_set1_epi32(std::int32_t(G)));
}
#endif

// Of a block of `terms` numbers, the first of which is at k, the places of the groups that are not zero;
// NaN is not. How many there are.
template <class Operand>
Index nonzero_of_block(const Operand* block, Index k, Index terms, std::int32_t* places) {
  constexpr Index G = kGroup<Operand>;
  using Bits = std::conditional_t<sizeof(Operand) * G == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits signs = G == 2 ? Bits(0x80008000) : Bits(1) << (8 * sizeof(Bits) - 1);
  Index found = 0;
#if defined(__AVX512F__)
  if constexpr (sizeof(Bits) == 4) {
    const __m512i numbers = _mm512_set1_epi32(std::int32_t(~signs));
    for (Index i = 0; i < terms; i += kPlacesAtOnce * G) {
      const Index left = std::min(kPlacesAtOnce, ceil_div(terms - i, G));
      const __m512i groups = _mm512_maskz_loadu_epi32((1u << left) - 1, block + i);
      const __mmask16 nonzero = _mm512_test_epi32_mask(groups, numbers);
      const __m512i all = _mm512_add_epi32(_mm512_set1_epi32(std::int32_t(k + i)), every(G));
      _mm512_storeu_si512(places + found, _mm512_maskz_compress_epi32(nonzero, all));
      found += __builtin_popcount(nonzero);
    }
    return found;
  }
#endif
  for (Index i = 0; i < terms; i += G) {
    Bits bits;
    std::memcpy(&bits, block + i, sizeof bits);
    places[found] = std::int32_t(k + i);
    found += (bits & ~signs) != 0;  // and no branch to mispredict
  }
  return found;
}

// Of a row of K numbers. `places` has room for kPlacesAtOnce more.
template <class Operand>
Index find_nonzero(Left<Operand, Read::kRows> a, Index K, std::int32_t* places) {
  Index found = 0;
  for (Index k = 0; k < K; k += kDepth)
    found += nonzero_of_block(a.at(0, k), k, std::min(kDepth, K - k), places + found);
  return found;
}

// One row of strips = from + the groups of rows of b at these places, each times its own in a.
template <class Operand, Index P>
void sparse_tile(Left<Operand, Read::kRows> a, const std::int32_t* places, Index found,
                 Right<Operand> b, From<RealOf<Operand>> from, RealOf<Operand>* strip,
                 Index strip_panel) {
  using V = Vector<RealOf<Operand>>;
  constexpr Index L = kLanes<RealOf<Operand>>;
  V sum[P][2];
#pragma GCC unroll 4
  for (Index p = 0; p < P; ++p) {
    sum[p][0] = load(from.at(p, 0).data);
    sum[p][1] = load(from.at(p, 0).data + L);
  }
  for (Index i = 0; i < found; ++i) {
    const auto each = spread_group(a.at(0, places[i]));
    const Operand* row = b.at(0, places[i]);
#pragma GCC unroll 4
    for (Index p = 0; p < P; ++p) {
      multiply_add(sum[p][0], each, load_groups(row + p * b.panel));
      multiply_add(sum[p][1], each, load_groups(row + p * b.panel + kGroup<Operand> * L));
    }
  }
#pragma GCC unroll 4
  for (Index p = 0; p < P; ++p) {
    store(strip + p * strip_panel, sum[p][0]);
    store(strip + p * strip_panel + L, sum[p][1]);
  }
}

// c = from + a b for a single row of which only the places found count, and these panels of b and c.
// `from` may be c.
template <class Operand>
void sparse_product(Left<Operand, Read::kRows> a, const std::int32_t* places, Index found,
                    Right<Operand> b, Range panels, From<RealOf<Operand>> from,
                    Strips<RealOf<Operand>> c) {
  constexpr Index P = panels_at_once(1);
  Index p = panels.first;
  for (; p + P <= panels.last; p += P)
    sparse_tile<Operand, P>(a, places, found, b.from(p), from.at(p, 0), c.at(p, 0), c.panel);
  for (; p < panels.last; ++p)
    sparse_tile<Operand, 1>(a, places, found, b.from(p), from.at(p, 0), c.at(p, 0), c.panel);
}

}  // namespace rnn
