// What the programs of this study share: seeded numbers, the vector units' speed, samples by turns.
#pragma once

#include <chrono>
#include <cmath>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "math/vector.h"

using Numbers = std::vector<float>;
using Clock = std::chrono::steady_clock;

// Seeded by how many were drawn before.
inline Numbers draw(rnn::Index n, double scale) {
  static unsigned seed = 0;
  std::mt19937 generator(++seed);
  std::normal_distribution<double> normal(0, scale);
  Numbers numbers(n);
  for (float& number : numbers) number = float(normal(generator));
  return numbers;
}

inline std::string list(const std::vector<double>& numbers) {
  std::ostringstream text;
  text.precision(6);
  for (std::size_t i = 0; i < numbers.size(); ++i) text << (i ? ", " : "[") << numbers[i];
  return text.str() + "]";
}

inline double seconds(const std::function<void()>& call) {
  const auto start = Clock::now();
  call();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Caches and threads, for what ran before was something else: a thread that slept may wake up on a
// core that is busy, and moves to another only after some milliseconds.
inline void warm_up(const std::function<void()>& call) {
  for (double spent = 0; spent < 0.02;) spent += seconds(call);
}

// What this machine's vector units do at most: chains of multiply-adds that need no memory.
inline void saturate(rnn::Index n) {
  constexpr int chains = 12;
  rnn::Vector<float> sums[chains];
  for (int c = 0; c < chains; ++c) sums[c] = rnn::spread(float(c));  // no two alike
  const auto a = rnn::spread<float>(0.5f), b = rnn::spread<float>(1.0f);
  for (rnn::Index i = 0; i < n; ++i)
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) sums[c] = sums[c] * a + b;
  float total = 0;
  for (const auto& sum : sums) total += sum[0];
  if (total == 0) std::abort();  // uses the sums, which the compiler would drop
}

inline double peak(rnn::Index threads) {
  constexpr rnn::Index n = 2'000'000;
  const double taken = seconds([&] {
    std::vector<std::thread> others;
    for (rnn::Index i = 1; i < threads; ++i) others.emplace_back(saturate, n);
    saturate(n);
    for (auto& other : others) other.join();
  });
  return 2.0 * 12 * rnn::kLanes<float> * n * threads / taken;
}

struct Timed {
  std::string name;
  std::function<void()> run;
};

struct Measured {
  std::vector<double> peaks;
  std::vector<std::vector<double>> samples;
};

inline Measured measure(const std::vector<Timed>& all, rnn::Index threads, int rounds) {
  constexpr int samples = 3;  // in each round at least
  constexpr double enough = 0.02;  // seconds a round, of calls so short that three say little
  Measured measured{{}, std::vector<std::vector<double>>(all.size())};
  for (int round = 0; round < rounds; ++round) {
    measured.peaks.push_back(peak(threads));
    for (std::size_t i = 0; i < all.size(); ++i) {
      warm_up(all[i].run);
      double spent = 0;
      for (int again = 0; again < samples || spent < enough; ++again)
        spent += measured.samples[i].emplace_back(seconds(all[i].run));
    }
  }
  return measured;
}
