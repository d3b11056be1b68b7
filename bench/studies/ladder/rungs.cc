// The forward pass from plain loops to the final kernel, one idea a rung. Prints one JSON object:
// the vector units' operations a second, and each rung's name, its largest deviation from the first
// rung, and its seconds a call.
//
// Usage: rungs T B I H O threads rounds
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "cells/relu.h"
#include "forward.h"
#include "../native_program/measuring.h"
#include "threads/pool.h"

namespace {

using rnn::Index;
using Forward = rnn::Forward<float, rnn::Relu>;

struct Problem {
  Index T, B, I, H, O;
  Numbers w_x = draw(I * H, 1 / std::sqrt(I)), w_h = draw(H * H, 0.9 / std::sqrt(H));
  Numbers b = draw(H, 0.1), w_o = draw(H * O, 1 / std::sqrt(H)), b_o = draw(O, 0.1);
  Numbers x = draw(T * B * I, 1), initial = draw(B * H, 1);
  Numbers h = Numbers(T * B * H), y = Numbers(T * B * O), last = Numbers(B * H);

  const float* before(Index t) const { return t ? h.data() + (t - 1) * B * H : initial.data(); }
};

float relu(float pre) { return pre > 0 ? pre : 0; }

// c (M, N) = a (M, K) b (K, N) + c, a dot product for each number.
void multiply_plainly(const float* a, const float* b, Index M, Index K, Index N, float* c) {
  for (Index m = 0; m < M; ++m)
    for (Index n = 0; n < N; ++n) {
      float sum = 0;
      for (Index k = 0; k < K; ++k) sum += a[m * K + k] * b[k * N + n];
      c[m * N + n] += sum;
    }
}

// The same with the innermost loop along rows of b and c.
void multiply_along_rows(const float* a, const float* b, Index M, Index K, Index N, float* c) {
  for (Index m = 0; m < M; ++m)
    for (Index k = 0; k < K; ++k)
      for (Index n = 0; n < N; ++n) c[m * N + n] += a[m * K + k] * b[k * N + n];
}

// The same by register tiles, b as it lies in memory, which `product` may copy a block of at a time, or
// packed into panels.
template <bool kPack>
void multiply_by_tiles(const float* a, const float* b, Index M, Index K, Index N, float* c) {
  constexpr Index W = rnn::kPanel<float>;
  const rnn::Range panels{0, rnn::ceil_div(N, W)};
  static thread_local Numbers left, strips, packed;
  left.resize(rnn::ceil_div(K, rnn::kDepth) * M * rnn::kStride<float>);
  strips.resize(panels.last * W * M);
  const rnn::Rows<float> rows{left.data(), M * rnn::kStride<float>};
  const rnn::Strips<float> sums{strips.data(), M * W};
  rnn::Right<float> right{b, N, W};
  if (kPack || N % W) {
    packed.resize(panels.last * W * K);
    rnn::pack(rnn::Given(b, N), K, panels, packed.data());
    right = rnn::packed(packed.data(), K);
  }
  for (Index m = 0; m < M; ++m) rnn::scatter(a + m * K, K, rows, m);
  rnn::load_strips(rnn::Given<const float>(c, N), {0, M}, panels, sums);
  rnn::product(rows.from(0), M, right, K, panels, sums, sums);
  rnn::store_strips(sums, {0, M}, panels, rnn::Given(c, N));
}

using Multiply = void (*)(const float*, const float*, Index, Index, Index, float*);

void repeat_bias(const Numbers& bias, float* to, Index rows) {
  for (Index row = 0; row < rows; ++row) std::copy(bias.begin(), bias.end(), to + row * bias.size());
}

// Both projections over all of time, a product for each step between them: what a scan does.
void hoisted(Problem& p, Multiply multiply) {
  repeat_bias(p.b, p.h.data(), p.T * p.B);
  multiply(p.x.data(), p.w_x.data(), p.T * p.B, p.I, p.H, p.h.data());
  for (Index t = 0; t < p.T; ++t) {
    float* h = p.h.data() + t * p.B * p.H;
    multiply(p.before(t), p.w_h.data(), p.B, p.H, p.H, h);
    std::transform(h, h + p.B * p.H, h, relu);
  }
  repeat_bias(p.b_o, p.y.data(), p.T * p.B);
  multiply(p.h.data(), p.w_o.data(), p.T * p.B, p.H, p.O, p.y.data());
}

void fused(Problem& p, Pool& pool, Index threads, std::function<void(rnn::Choices&)> choose) {
  rnn::Problem<float> layer{p.T,        p.B,          p.I,          p.H,
                            p.O,        p.w_x.data(), p.w_h.data(), p.b.data(),
                            nullptr,    p.w_o.data(), p.b_o.data(), p.x.data(),
                            {p.initial.data(), nullptr}};
  rnn::Choices choices = rnn::choose<rnn::Relu>(p.T, p.B);
  choose(choices);
  Forward forward(layer, {nullptr, nullptr, {p.last.data(), nullptr}, nullptr, p.y.data()}, choices);
  rnn::run_team(pool, threads, std::chrono::seconds(1), forward);
}

std::vector<Timed> rungs(Problem& p, Pool& pool, Index threads) {
  std::vector<Timed> all{
      {"plain loops", [&] { hoisted(p, multiply_plainly); }},
      {"inner loop along rows", [&] { hoisted(p, multiply_along_rows); }},
      {"register tile", [&] { hoisted(p, multiply_by_tiles<false>); }},
      {"one pass through time", [&] {
         fused(p, pool, 1, [](auto& c) { c.pack = false, c.skip_zeros = false; });
       }},
      {"packed weights", [&] {
         fused(p, pool, 1, [](auto& c) { c.pack = true, c.skip_zeros = false; });
       }},
  };
  const auto two_ways = [&](const char* name, Index groups) {
    all.push_back({name, [&p, &pool, threads, groups] {
                     fused(p, pool, threads, [=](auto& c) {
                       c.groups = groups, c.pack = true, c.skip_zeros = false;
                     });
                   }});
  };
  two_ways("threads share a step", 1);
  if (p.B >= threads) two_ways("threads share the batch", threads);
  all.push_back({"as shipped", [&p, &pool, threads] {
                   fused(p, pool, threads, [](auto&) {});
                 }});
  return all;
}

double deviation(const Numbers& got, const Numbers& want) {
  double largest = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    largest = std::max(largest, std::abs(double(got[i]) - want[i]));
  return largest;
}

}  // namespace

int main(int, char** given) {
  Problem p{std::atoi(given[1]), std::atoi(given[2]), std::atoi(given[3]), std::atoi(given[4]),
            std::atoi(given[5])};
  const Index threads = std::atoi(given[6]);
  Pool pool(int(threads) - 1);
  const auto all = rungs(p, pool, threads);
  std::vector<double> deviations;
  Numbers want;
  for (const Timed& rung : all) {
    rung.run();
    if (want.empty()) want = p.y;
    deviations.push_back(deviation(p.y, want));
  }
  const Measured measured = measure(all, threads, std::atoi(given[7]));
  std::printf("{\"peak_flops\": %s, \"rungs\": [", list(measured.peaks).c_str());
  for (std::size_t i = 0; i < all.size(); ++i)
    std::printf("%s{\"name\": \"%s\", \"deviation\": %.3g, \"samples_s\": %s}", i ? ", " : "",
                all[i].name.c_str(), deviations[i], list(measured.samples[i]).c_str());
  std::puts("]}");
}
