// The forward pass from plain loops to the final kernel, one idea a rung. Prints one JSON object:
// the vector units' operations a second, and each rung's name, its largest deviation from the first
// rung, and its seconds a call.
//
// Usage: rungs T B I H O threads rounds
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "forward.h"
#include "threads/pool.h"

namespace {

constexpr int kSamples = 3;  // of a rung in each round

using rnn::Index;
using Numbers = std::vector<float>;
using Clock = std::chrono::steady_clock;
using Forward = rnn::Forward<float, rnn::Activation::kRelu>;

Numbers draw(Index n, double scale, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal(0, scale);
  Numbers numbers(n);
  for (float& number : numbers) number = float(normal(generator));
  return numbers;
}

struct Problem {
  Index T, B, I, H, O;
  Numbers w_xh = draw(I * H, 1 / std::sqrt(I), 1), w_hh = draw(H * H, 0.9 / std::sqrt(H), 2);
  Numbers b_h = draw(H, 0.1, 3), w_ho = draw(H * O, 1 / std::sqrt(H), 4), b_o = draw(O, 0.1, 5);
  Numbers x = draw(T * B * I, 1, 6), h0 = draw(B * H, 1, 7);
  Numbers h = Numbers(T * B * H), y = Numbers(T * B * O), h_last = Numbers(B * H);

  const float* before(Index t) const { return t ? h.data() + (t - 1) * B * H : h0.data(); }
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

// The same by register tiles, b as it lies in memory or packed into panels.
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
    rnn::pack(b, K, N, panels, packed.data());
    right = rnn::packed(packed.data(), K);
  }
  for (Index m = 0; m < M; ++m) rnn::scatter(a + m * K, K, rows, m);
  rnn::load_strips(c, N, {0, M}, panels, sums);
  rnn::add_product(rows.from(0), M, right, K, panels, sums);
  rnn::store_strips(sums, N, {0, M}, panels, c);
}

using Multiply = void (*)(const float*, const float*, Index, Index, Index, float*);

void repeat_bias(const Numbers& bias, float* to, Index rows) {
  for (Index row = 0; row < rows; ++row) std::copy(bias.begin(), bias.end(), to + row * bias.size());
}

// Both projections over all of time, a product for each step between them: what a scan does.
void hoisted(Problem& p, Multiply multiply) {
  repeat_bias(p.b_h, p.h.data(), p.T * p.B);
  multiply(p.x.data(), p.w_xh.data(), p.T * p.B, p.I, p.H, p.h.data());
  for (Index t = 0; t < p.T; ++t) {
    float* h = p.h.data() + t * p.B * p.H;
    multiply(p.before(t), p.w_hh.data(), p.B, p.H, p.H, h);
    std::transform(h, h + p.B * p.H, h, relu);
  }
  repeat_bias(p.b_o, p.y.data(), p.T * p.B);
  multiply(p.h.data(), p.w_ho.data(), p.T * p.B, p.H, p.O, p.y.data());
}

void fused(Problem& p, Pool& pool, Index threads, std::function<void(rnn::Choices&)> choose) {
  rnn::Problem<float> layer{p.T,           p.B,           p.I,          p.H,           p.O,
                            p.w_xh.data(), p.w_hh.data(), p.b_h.data(), p.w_ho.data(), p.b_o.data(),
                            p.x.data(),    p.h0.data()};
  rnn::Choices choices = rnn::choose(p.T, p.B, true);
  choose(choices);
  Forward forward(layer, {nullptr, nullptr, p.h_last.data(), p.y.data()}, choices);
  rnn::run_team(pool, threads, std::chrono::seconds(1), forward);
}

struct Rung {
  std::string name;
  std::function<void(Problem&)> run;
};

std::vector<Rung> rungs(const Problem& p, Pool& pool, Index threads) {
  std::vector<Rung> all{
      {"plain loops", [](Problem& p) { hoisted(p, multiply_plainly); }},
      {"inner loop along rows", [](Problem& p) { hoisted(p, multiply_along_rows); }},
      {"register tile", [](Problem& p) { hoisted(p, multiply_by_tiles<false>); }},
      {"one pass through time", [&](Problem& p) {
         fused(p, pool, 1, [](auto& c) { c.pack = false, c.skip_zeros = false; });
       }},
      {"packed weights", [&](Problem& p) {
         fused(p, pool, 1, [](auto& c) { c.pack = true, c.skip_zeros = false; });
       }},
  };
  const auto two_ways = [&](const char* name, Index groups) {
    all.push_back({name, [&pool, threads, groups](Problem& p) {
                     fused(p, pool, threads, [=](auto& c) {
                       c.groups = groups, c.pack = true, c.skip_zeros = false;
                     });
                   }});
  };
  two_ways("threads share a step", 1);
  if (p.B >= threads) two_ways("threads share the batch", threads);
  all.push_back({"as shipped", [&pool, threads](Problem& p) {
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

std::string list(const std::vector<double>& numbers) {
  std::ostringstream text;
  text.precision(6);
  for (std::size_t i = 0; i < numbers.size(); ++i) text << (i ? ", " : "[") << numbers[i];
  return text.str() + "]";
}

double seconds(const std::function<void()>& call) {
  const auto start = Clock::now();
  call();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Caches and threads, for what ran before was another rung: a thread that slept may wake up on a
// core that is busy, and moves to another only after some milliseconds.
void warm_up(const std::function<void()>& call) {
  for (double spent = 0; spent < 0.02;) spent += seconds(call);
}

// What this machine's vector units do at most: chains of multiply-adds that need no memory.
void saturate(Index n) {
  constexpr int chains = 12;
  rnn::Vector<float> sums[chains];
  for (int c = 0; c < chains; ++c) sums[c] = rnn::spread(float(c));  // no two alike
  const auto a = rnn::spread<float>(0.5f), b = rnn::spread<float>(1.0f);
  for (Index i = 0; i < n; ++i)
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) sums[c] = sums[c] * a + b;
  float total = 0;
  for (const auto& sum : sums) total += sum[0];
  if (total == 0) std::abort();  // uses the sums, which the compiler would drop
}

double peak(Index threads) {
  constexpr Index n = 2'000'000;
  const double taken = seconds([&] {
    std::vector<std::thread> others;
    for (Index i = 1; i < threads; ++i) others.emplace_back(saturate, n);
    saturate(n);
    for (auto& other : others) other.join();
  });
  return 2.0 * 12 * rnn::kLanes<float> * n * threads / taken;
}

}  // namespace

int main(int, char** given) {
  Problem p{std::atoi(given[1]), std::atoi(given[2]), std::atoi(given[3]), std::atoi(given[4]),
            std::atoi(given[5])};
  const Index threads = std::atoi(given[6]);
  const int rounds = std::atoi(given[7]);
  Pool pool(int(threads) - 1);
  const auto all = rungs(p, pool, threads);
  std::vector<std::vector<double>> samples(all.size());
  std::vector<double> deviations, peaks;
  Numbers want;
  for (const Rung& rung : all) {
    rung.run(p);
    if (want.empty()) want = p.y;
    deviations.push_back(deviation(p.y, want));
  }
  for (int round = 0; round < rounds; ++round) {
    peaks.push_back(peak(threads));
    for (std::size_t i = 0; i < all.size(); ++i) {
      warm_up([&] { all[i].run(p); });
      for (int again = 0; again < kSamples; ++again)
        samples[i].push_back(seconds([&] { all[i].run(p); }));
    }
  }
  std::printf("{\"peak_flops\": %s, \"rungs\": [", list(peaks).c_str());
  for (std::size_t i = 0; i < all.size(); ++i)
    std::printf("%s{\"name\": \"%s\", \"deviation\": %.3g, \"samples_s\": %s}", i ? ", " : "",
                all[i].name.c_str(), deviations[i], list(samples[i]).c_str());
  std::puts("]}");
}
