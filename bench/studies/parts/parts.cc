// What a training step of a layer is made of, with the cell RNN_CELL: both passes with and without
// the cell's functions, with and without what the gradient reads, and their products alone. Prints
// one JSON object: the vector units' operations a second, and each part's name and its seconds a
// call.
//
// Usage: parts T B I H O threads rounds
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "backward.h"
#include "forward.h"
#include "../native_program/measuring.h"
#include "products.h"
#include "threads/pool.h"

namespace {

using rnn::Index;
using Cell = RNN_CELL;

// The same slots, states and products, but sums in place of the cell's functions.
struct Sums : Cell {
  static constexpr bool kMakesZeros = false;

  template <class Real>
  static void gates(rnn::Vector<Real> (&slots)[Cell::kSlots]) {
    slots[0] += slots[Cell::kSlots - 1];
  }

  template <class Real>
  static void step(rnn::Ahead<Sums, Real>& s) {
    for (Index i = 0; i < Cell::kSlots; ++i) s.h += s.slots[i];
    s.h *= Real(0.1);  // or it would grow without bound
    for (Index i = 0; i < Cell::kCarried; ++i) s.carried[i] = s.h;
    for (Index i = 0; i < Cell::kSaved; ++i) s.saved[i] = s.slots[i];
  }

  template <class Real>
  static void step_back(rnn::Back<Sums, Real>& s) {
    auto all = s.dh + s.h;
    for (Index i = 0; i < Cell::kSaved; ++i) all += s.saved[i];
    for (Index i = 0; i < Cell::kCarried; ++i) all += s.dcarried[i] + s.carried_before[i];
    all *= Real(0.1);
    for (Index i = 0; i < Cell::kSlots; ++i) s.dslots[i] = all;
    for (Index i = 0; i < Cell::kCarried; ++i) s.dcarried[i] = all;
    s.direct = all;
  }
};

struct Layer {
  static constexpr Index kStates = 1 + Cell::kCarried, kKept = Cell::kCarried + Cell::kSaved;
  static constexpr Index X = Cell::kFromX, R = Cell::kFromH, S = Cell::kSlots;
  Index T, B, I, H, O;
  Numbers w_x = draw(I * X * H, 1 / std::sqrt(I)), w_h = draw(H * R * H, 0.9 / std::sqrt(H));
  Numbers b = draw(S * H, 0.1), w_o = draw(H * O, 1 / std::sqrt(H)), b_o = draw(O, 0.1);
  Numbers x = draw(T * B * I, 1), initial = draw(kStates * B * H, 1);
  Numbers dy = draw(T * B * O, 1), dlast = draw(kStates * B * H, 1);
  Numbers h = Numbers(T * B * H), saved = Numbers(T * B * kKept * H), y = Numbers(T * B * O);
  Numbers last = Numbers(initial.size()), dw_x = Numbers(w_x.size()), dw_h = Numbers(w_h.size());
  Numbers db = Numbers(S * H), dw_o = Numbers(w_o.size()), db_o = Numbers(O);

  template <class Memory>
  auto state(Memory& memory) const {
    return rnn::State{memory.data(), memory.data() + B * H};
  }

  rnn::Problem<float> problem() const {
    return {T,          B,       I,          H,          O,        w_x.data(),    w_h.data(),
            b.data(),   b.data() + X * H,    w_o.data(), b_o.data(), x.data(), state(initial)};
  }

  template <class Variant>
  void forward(Pool& pool, Index threads, bool keep) {
    float* kept = keep && kKept ? saved.data() : nullptr;
    rnn::Forward<float, Variant> pass(
        problem(), {nullptr, keep ? h.data() : nullptr, state(last), kept, y.data()});
    rnn::run_team(pool, threads, std::chrono::seconds(1), pass);
  }

  template <class Variant>
  void backward(Pool& pool, Index threads) {
    rnn::BackwardArrays<float> arrays{};
    arrays.h = h.data(), arrays.saved = kKept ? saved.data() : nullptr;
    arrays.dy = dy.data(), arrays.dlast = state(std::as_const(dlast));
    arrays.dw_x = dw_x.data(), arrays.dw_h = dw_h.data(), arrays.db = db.data();
    arrays.dw_o = dw_o.data(), arrays.db_o = db_o.data();
    rnn::Backward<float, Variant> pass(problem(), arrays);
    rnn::run_team(pool, threads, std::chrono::seconds(1), pass);
  }
};

}  // namespace

int main(int, char** given) {
  Layer layer{std::atoi(given[1]), std::atoi(given[2]), std::atoi(given[3]), std::atoi(given[4]),
              std::atoi(given[5])};
  const Index threads = std::atoi(given[6]);
  Pool pool(int(threads) - 1);
  ForwardProducts<Cell> ahead(layer.T, layer.B, layer.I, layer.H, layer.O, threads);
  BackwardProducts<Cell> back(layer.T, layer.B, layer.I, layer.H, layer.O, threads);
  const auto alone = [&](rnn::Work& products) {
    rnn::run_team(pool, threads, std::chrono::seconds(1), products);
  };
  const std::vector<Timed> parts{
      {"forward, products alone", [&] { alone(ahead); }},
      {"forward, sums for functions", [&] { layer.forward<Sums>(pool, threads, false); }},
      {"forward", [&] { layer.forward<Cell>(pool, threads, false); }},
      {"forward, keeping states", [&] { layer.forward<Cell>(pool, threads, true); }},
      {"backward, products alone", [&] { alone(back); }},
      {"backward, sums for functions", [&] { layer.backward<Sums>(pool, threads); }},
      {"backward", [&] { layer.backward<Cell>(pool, threads); }},
  };
  const Measured measured = measure(parts, threads, std::atoi(given[7]));
  std::printf("{\"peak_flops\": %s, \"parts\": [", list(measured.peaks).c_str());
  for (std::size_t i = 0; i < parts.size(); ++i)
    std::printf("%s{\"name\": \"%s\", \"samples_s\": %s}", i ? ", " : "", parts[i].name.c_str(),
                list(measured.samples[i]).c_str());
  std::puts("]}");
}
