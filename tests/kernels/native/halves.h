// A layer in bfloat16, both ways, beside the same in float32: for sanitizers, so a quarter off is near
// enough. Rounding turns a relu on or off, here and there.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "backward.h"
#include "forward.h"

using Halves = std::vector<rnn::Bfloat16>;

inline Halves narrowed(const std::vector<float>& numbers) {
  Halves made(numbers.size());
  rnn::convert(numbers.data(), rnn::Index(numbers.size()), made.data());
  return made;
}

inline void expect_near(const char* what, const Halves& got, const std::vector<float>& want) {
  std::vector<float> wide(got.size());
  rnn::convert(got.data(), rnn::Index(got.size()), wide.data());
  double apart = 0, size = 1e-3;
  for (std::size_t i = 0; i < want.size(); ++i) {
    apart += (wide[i] - want[i]) * (wide[i] - want[i]);
    size += want[i] * want[i];
  }
  if (!(apart <= 0.06 * size)) {
    std::printf("%s in bfloat16 is off by %g of %g\n", what, std::sqrt(apart), std::sqrt(size));
    std::exit(1);
  }
}

// An example that has run in float32, in memory of exactly its size.
template <class Cell, class Example, class Pool>
void check_halves(const Example& e, Pool& pool, rnn::Index threads) {
  const Halves w_x = narrowed(e.w_x), w_h = narrowed(e.w_h), b = narrowed(e.b);
  const Halves w_o = narrowed(e.w_o), b_o = narrowed(e.b_o), x = narrowed(e.x);
  const Halves initial = narrowed(e.initial), dy = narrowed(e.dy), dlast = narrowed(e.dlast);
  const auto like = [](const std::vector<float>& numbers) { return Halves(numbers.size()); };
  Halves h = like(e.h), saved = like(e.saved), y = like(e.y), last = like(e.last);
  Halves dw_x = like(e.dw_x), dw_h = like(e.dw_h), db = like(e.db), dw_o = like(e.dw_o);
  Halves db_o = like(e.db_o), dx = like(e.dx), dinitial = like(e.dinitial);
  const rnn::Problem<rnn::Bfloat16> layer{
      e.shape.T,   e.shape.B,   e.shape.I,   e.shape.H,      e.shape.O,
      w_x.data(),  w_h.data(),  b.data(),    b.data() + Cell::kFromX * e.shape.H,
      w_o.data(),  b_o.data(),  x.data(),    e.state(initial), e.layer().lengths,
      e.reverse};
  rnn::ForwardArrays<rnn::Bfloat16> ahead{};
  ahead.h = h.data(), ahead.last = e.state(last), ahead.y = y.empty() ? nullptr : y.data();
  ahead.saved = saved.empty() ? nullptr : saved.data();
  rnn::Forward<rnn::Bfloat16, Cell> forward(layer, ahead);
  rnn::run_team(pool, threads, std::chrono::seconds(1), forward);
  rnn::BackwardArrays<rnn::Bfloat16> back{};
  back.h = h.data(), back.saved = ahead.saved, back.dy = dy.data(), back.dlast = e.state(dlast);
  back.dw_x = dw_x.data(), back.dw_h = dw_h.data(), back.db = db.data();
  back.dw_o = dw_o.data(), back.db_o = db_o.data();
  back.dx = dx.data(), back.dinitial = e.state(dinitial);
  rnn::Backward<rnn::Bfloat16, Cell> backward(layer, back);
  rnn::run_team(pool, threads, std::chrono::seconds(1), backward);
  expect_near("h", h, e.h), expect_near("y", y, e.y), expect_near("last", last, e.last);
  expect_near("dw_x", dw_x, e.dw_x), expect_near("dw_h", dw_h, e.dw_h);
  expect_near("db", db, e.db), expect_near("dw_o", dw_o, e.dw_o);
  expect_near("db_o", db_o, e.db_o), expect_near("dx", dx, e.dx);
  expect_near("dinitial", dinitial, e.dinitial);
}
