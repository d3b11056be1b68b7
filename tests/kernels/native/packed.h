// A layer's forward pass on weights that came packed: the same numbers, bit for bit.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "forward.h"

// The panels of each slot of a (K, slots N) matrix, as `kernels.native.packing` lays them out.
inline std::vector<float> panels(const std::vector<float>& w, rnn::Index K, rnn::Index slots) {
  constexpr rnn::Index W = rnn::kPanel<float>;
  const rnn::Index N = rnn::Index(w.size()) / K / slots, count = rnn::ceil_div(N, W);
  std::vector<float> made(slots * K * count * W);
  for (rnn::Index slot = 0; slot < slots; ++slot)
    rnn::pack(rnn::Given<const float>(w.data() + slot * N, N, slots * N), K, {0, count},
              made.data() + slot * K * count * W);
  return made;
}

inline void expect_same(const char* what, const std::vector<float>& got,
                        const std::vector<float>& want) {
  if (got != want) std::printf("%s differs where weights came packed\n", what), std::exit(1);
}

// An example that has run.
template <class Cell, class Example, class Pool>
void check_packed(const Example& e, Pool& pool, rnn::Index threads) {
  const std::vector<float> w_x = panels(e.w_x, e.shape.I, Cell::kFromX);
  const std::vector<float> w_h = panels(e.w_h, e.shape.H, Cell::kFromH);
  const std::vector<float> w_o = panels(e.w_o, e.shape.H, 1);
  std::vector<float> h(e.h.size()), y(e.y.size()), last(e.last.size());
  rnn::Problem<float> layer = e.layer();
  layer.w_x = layer.w_h = layer.w_o = nullptr;
  rnn::ForwardArrays<float> arrays{};
  arrays.h = h.data(), arrays.last = last.data(), arrays.y = y.empty() ? nullptr : y.data();
  arrays.w_x = w_x.data(), arrays.w_h = w_h.data(), arrays.w_o = w_o.data();
  rnn::Forward<float, Cell> forward(layer, arrays);
  rnn::run_team(pool, threads, std::chrono::seconds(1), forward);
  expect_same("h", h, e.h), expect_same("y", y, e.y), expect_same("last", last, e.last);
}
