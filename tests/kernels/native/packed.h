// A layer's forward pass on weights that came packed, and one of a single step in parts: the same
// numbers, bit for bit.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "forward.h"
#include "one_step.h"

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
                        const std::vector<float>& want, const char* where) {
  if (got != want) std::printf("%s differs %s\n", what, where), std::exit(1);
}

// What a forward pass of an example writes, held against what it was.
template <class Example>
struct Written {
  const Example& example;
  std::vector<float> h = std::vector<float>(example.h.size());
  std::vector<float> saved = std::vector<float>(example.saved.size());
  std::vector<float> last = std::vector<float>(example.last.size());
  std::vector<float> y = std::vector<float>(example.y.size());

  rnn::ForwardArrays<float> arrays() {
    rnn::ForwardArrays<float> made{};
    made.h = h.data(), made.last = example.state(last), made.y = y.empty() ? nullptr : y.data();
    made.saved = saved.empty() ? nullptr : saved.data();
    return made;
  }
  void hold(const char* where) const {
    expect_same("h", h, example.h, where), expect_same("saved", saved, example.saved, where);
    expect_same("last", last, example.last, where), expect_same("y", y, example.y, where);
  }
};

// An example that has run: its weights packed beforehand, and in parts where it is one step.
template <class Cell, class Example, class Pool>
void check_packed(const Example& e, Pool& pool, rnn::Index threads) {
  const std::vector<float> w_x = panels(e.w_x, e.shape.I, Cell::kFromX);
  const std::vector<float> w_h = panels(e.w_h, e.shape.H, Cell::kFromH);
  const std::vector<float> w_o = panels(e.w_o, e.shape.H, 1);
  rnn::Problem<float> layer = e.layer();
  layer.w_x = layer.w_h = layer.w_o = nullptr;
  const auto arrays_of = [&](Written<Example>& written) {
    rnn::ForwardArrays<float> arrays = written.arrays();
    arrays.w_x = w_x.data(), arrays.w_h = w_h.data(), arrays.w_o = w_o.data();
    return arrays;
  };
  Written<Example> whole{e};
  rnn::Forward<float, Cell> forward(layer, arrays_of(whole));
  rnn::run_team(pool, threads, std::chrono::seconds(1), forward);
  whole.hold("where weights came packed");
  Written<Example> parts{e};
  if (!rnn::OneStep<float, Cell>::suits(layer)) return;
  rnn::OneStep<float, Cell> step(layer, arrays_of(parts), threads);
  rnn::run_crew(pool, threads, step);
  parts.hold("where one step went in parts");
}

// An example of one step that has run: in parts, its weights as they lie, then its recurrence alone.
template <class Cell, class Example, class Pool>
void check_one_step(const Example& e, Pool& pool, rnn::Index threads) {
  using Step = rnn::OneStep<float, Cell>;
  Written<Example> written{e};
  if (!Step::suits(e.layer())) return;
  Step step(e.layer(), written.arrays(), threads);
  rnn::run_crew(pool, threads, step);
  written.hold("where one step went in parts, from weights as they lie");
  std::vector<float> h(e.h.size()), last(e.last.size());
  Step alone(e.recurrence(), {e.pre.data(), h.data(), e.state(last)}, threads);
  rnn::run_crew(pool, threads, alone);
  expect_same("h", h, e.h_alone, "where a recurrence of one step went in parts");
  expect_same("last", last, e.last_alone, "where a recurrence of one step went in parts");
}
