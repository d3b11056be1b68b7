// Runs the native kernel without XLA, for sanitizers: every shape against plain loops, then several
// calls at once on too few threads. Exits with 1 at the first wrong number.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "backward.h"
#include "forward.h"
#include "threads/pool.h"

namespace {

using rnn::Activation;
using rnn::Index;

struct Shape {
  Index T, B, I, H, O;
};

std::vector<float> draw(Index n, double scale, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal(0, scale);
  std::vector<float> numbers(n);
  for (float& number : numbers) number = float(normal(generator));
  return numbers;
}

// c += a b, or a b^T, of row-major matrices: a is (M, K), b is (K, N) or (N, K).
void add_product(const std::vector<float>& a, const std::vector<float>& b, Index K, Index N,
                 bool transposed, std::vector<float>& c) {
  for (std::size_t row = 0; row < c.size() / N; ++row)
    for (Index n = 0; n < N; ++n)
      for (Index k = 0; k < K; ++k)
        c[row * N + n] += a[row * K + k] * b[transposed ? n * K + k : k * N + n];
}

// A layer, its forward pass and its gradients, in memory of exactly their size. And its recurrence
// alone, from z to h and from dh to dz.
struct Example {
  explicit Example(Shape s)
      : shape(s),
        w_xh(draw(s.I * s.H, 1 / std::sqrt(s.I), 1)),
        w_hh(draw(s.H * s.H, 0.9 / std::sqrt(s.H), 2)),
        b_h(draw(s.H, 0.1, 3)),
        w_ho(draw(s.H * s.O, 1 / std::sqrt(s.H), 4)),
        b_o(draw(s.O, 0.1, 5)),
        x(draw(s.T * s.B * s.I, 1, 6)),
        h0(draw(s.B * s.H, 1, 7)),
        dy(draw(s.T * s.B * s.O, 1, 8)),
        dh_last(draw(s.B * s.H, 1, 9)),
        h(s.T * s.B * s.H),
        y(s.T * s.B * s.O),
        h_last(s.B * s.H),
        dw_xh(w_xh.size()),
        dw_hh(w_hh.size()),
        db_h(s.H),
        dw_ho(w_ho.size()),
        db_o(s.O),
        dx(x.size()),
        dh0(h0.size()),
        z(h.size()),
        dh(h.size()),
        h_alone(h.size()),
        dz(h.size()) {
    for (std::size_t i = 0; i < z.size(); ++i) z[i] = b_h[i % s.H];
    add_product(x, w_xh, s.I, s.H, false, z);
    std::copy(dh_last.begin(), dh_last.end(), dh.end() - s.B * s.H);
    add_product(dy, w_ho, s.O, s.H, true, dh);
  }

  rnn::Problem<float> layer() const {
    return {shape.T,     shape.B,     shape.I,    shape.H,  shape.O,   w_xh.data(),
            w_hh.data(), b_h.data(),  w_ho.data(), b_o.data(), x.data(), h0.data()};
  }
  rnn::Problem<float> recurrence() const {
    rnn::Problem<float> alone{};
    alone.T = shape.T, alone.B = shape.B, alone.H = shape.H;
    alone.w_hh = w_hh.data(), alone.h0 = h0.data();
    return alone;
  }

  template <Activation kActivation, class Pool>
  void run(Pool& pool, Index threads, std::chrono::nanoseconds patience) {
    rnn::Forward<float, kActivation> forward(
        layer(), {nullptr, h.data(), h_last.data(), shape.O ? y.data() : nullptr});
    rnn::run_team(pool, threads, patience, forward);
    rnn::Backward<float, kActivation> backward(
        layer(), {h.data(), nullptr, dy.data(), dh_last.data(), nullptr, dw_xh.data(),
                  dw_hh.data(), db_h.data(), dw_ho.data(), db_o.data(), dx.data(), dh0.data()});
    rnn::run_team(pool, threads, patience, backward);
    rnn::Forward<float, kActivation> forward_alone(
        recurrence(), {z.data(), h_alone.data(), nullptr, nullptr});
    rnn::run_team(pool, threads, patience, forward_alone);
    rnn::BackwardArrays<float> arrays{};
    arrays.h = h.data(), arrays.dh = dh.data(), arrays.dz = dz.data();
    rnn::Backward<float, kActivation> backward_alone(recurrence(), arrays);
    rnn::run_team(pool, threads, patience, backward_alone);
  }

  Shape shape;
  std::vector<float> w_xh, w_hh, b_h, w_ho, b_o, x, h0, dy, dh_last;
  std::vector<float> h, y, h_last, dw_xh, dw_hh, db_h, dw_ho, db_o, dx, dh0;
  std::vector<float> z, dh, h_alone, dz;
};

double act(Activation activation, double pre) {
  return activation == Activation::kRelu ? std::max(pre, 0.0) : std::tanh(pre);
}

double slope(Activation activation, double h) {
  return activation == Activation::kRelu ? h > 0 : 1 - h * h;
}

void expect(const char* what, const std::vector<float>& got, const std::vector<double>& want) {
  double largest = 1;
  for (double number : want) largest = std::max(largest, std::abs(number));
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!(std::abs(got[i] - want[i]) <= 2e-5 * largest)) {
      std::printf("%s[%zu] is %g; expected %g\n", what, i, got[i], want[i]);
      std::exit(1);
    }
}

using Numbers = std::vector<double>;

// The layer in float64, and every gradient at the states that the kernel computed.
void check(const Example& e, Activation activation) {
  const auto [T, B, I, H, O] = e.shape;
  Numbers h(e.h.size()), y(e.y.size()), dx(e.x.size()), dh0(e.h0.size()), dz(e.h.size());
  Numbers dw_xh(I * H), dw_hh(H * H), db_h(H), dw_ho(H * O), db_o(O);
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b) {
      const Index row = t * B + b;
      for (Index j = 0; j < H; ++j) {
        double pre = e.b_h[j];
        for (Index i = 0; i < I; ++i) pre += double(e.x[row * I + i]) * e.w_xh[i * H + j];
        for (Index i = 0; i < H; ++i)
          pre += (t ? h[(row - B) * H + i] : e.h0[b * H + i]) * e.w_hh[i * H + j];
        h[row * H + j] = act(activation, pre);
      }
      for (Index o = 0; o < O; ++o) {
        y[row * O + o] = e.b_o[o];
        for (Index j = 0; j < H; ++j) y[row * O + o] += h[row * H + j] * e.w_ho[j * O + o];
      }
    }
  for (Index t = T; t-- > 0;)
    for (Index b = 0; b < B; ++b) {
      const Index row = t * B + b;
      for (Index j = 0; j < H; ++j) {
        double dh = t == T - 1 ? e.dh_last[b * H + j] : 0;
        for (Index o = 0; o < O; ++o) dh += double(e.dy[row * O + o]) * e.w_ho[j * O + o];
        for (Index k = 0; k < H && t < T - 1; ++k)
          dh += dz[(row + B) * H + k] * e.w_hh[j * H + k];
        dz[row * H + j] = dh * slope(activation, e.h[row * H + j]);
      }
      for (Index j = 0; j < H; ++j) {
        db_h[j] += dz[row * H + j];
        for (Index i = 0; i < I; ++i) {
          dw_xh[i * H + j] += e.x[row * I + i] * dz[row * H + j];
          dx[row * I + i] += dz[row * H + j] * e.w_xh[i * H + j];
        }
        for (Index i = 0; i < H; ++i) {
          dw_hh[i * H + j] += (t ? e.h[(row - B) * H + i] : e.h0[b * H + i]) * dz[row * H + j];
          if (t == 0) dh0[b * H + i] += dz[row * H + j] * e.w_hh[i * H + j];
        }
        for (Index o = 0; o < O; ++o)
          dw_ho[j * O + o] += double(e.h[row * H + j]) * e.dy[row * O + o];
      }
      for (Index o = 0; o < O; ++o) db_o[o] += e.dy[row * O + o];
    }
  expect("h", e.h, h), expect("y", e.y, y), expect("dx", e.dx, dx), expect("dh0", e.dh0, dh0);
  expect("dw_xh", e.dw_xh, dw_xh), expect("dw_hh", e.dw_hh, dw_hh), expect("db_h", e.db_h, db_h);
  expect("dw_ho", e.dw_ho, dw_ho), expect("db_o", e.db_o, db_o);
  expect("h_last", e.h_last, Numbers(h.end() - B * H, h.end()));
  expect("h alone", e.h_alone, h), expect("dz", e.dz, dz);
}

template <class Pool>
void run_and_check(Example& example, Pool& pool, Index threads, std::chrono::nanoseconds patience) {
  example.run<Activation::kRelu>(pool, threads, patience);
  check(example, Activation::kRelu);
  example.run<Activation::kTanh>(pool, threads, patience);
  check(example, Activation::kTanh);
}

// A pool that cannot queue a task runs it at once, in the thread that schedules it.
struct FullPool {
  template <class Task>
  void Schedule(Task&& task) {
    task();
  }
};

// Work that cannot be prepared: helpers are let go, and the caller gets the exception.
class Impossible final : public rnn::Work {
  void prepare(Index) override { throw std::bad_alloc(); }
  void run(Index) override { std::puts("work without preparation"), std::exit(1); }
};

void check_failure_lets_helpers_go(Pool& pool) {
  Impossible work;
  try {
    rnn::run_team(pool, 4, std::chrono::seconds(1), work);
    std::puts("a failure was not passed on"), std::exit(1);
  } catch (const std::bad_alloc&) {
  }
}

#if defined(__linux__)
bool bind_to(const cpu_set_t& cores) { return !sched_setaffinity(0, sizeof cores, &cores); }

// Two threads that start on one core, and may use all, soon meet from two.
void check_members_part() {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) || CPU_COUNT(&allowed) == 1) return;
  CPU_ZERO(&one);
  CPU_SET(rnn::current_core(), &one);
  rnn::Barrier barrier(2);
  int cores[2][50];
  const auto meet = [&](int rank) {
    if (!bind_to(one) || !bind_to(allowed)) std::puts("cannot be bound"), std::exit(1);
    for (int& core : cores[rank]) barrier.wait(), core = rnn::current_core();
    cpu_set_t left;
    sched_getaffinity(0, sizeof left, &left);
    if (!CPU_EQUAL(&left, &allowed)) std::puts("a thread stays bound"), std::exit(1);
  };
  std::thread other(meet, 1);
  meet(0);
  other.join();
  int together = 0;
  for (int meeting = 0; meeting < 50; ++meeting)
    together += cores[0][meeting] == cores[1][meeting];
  if (together > 25) std::printf("on one core at %d of 50 meetings\n", together), std::exit(1);
}
#else
void check_members_part() {}
#endif

// A child of a process that has used the kernel has none of the threads, and works alone.
void check_in_child(Pool& pool, Shape shape) {
  const pid_t child = fork();
  if (!child) {
    Example example(shape);
    run_and_check(example, pool, 4, std::chrono::microseconds(100));
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status) std::puts("a forked child failed"), std::exit(1);
}

}  // namespace

int main() {
  using namespace std::chrono_literals;
  const Shape shapes[] = {{1, 1, 1, 1, 1},   {3, 1, 5, 70, 3},  {5, 17, 3, 33, 2}, {9, 30, 8, 40, 33},
                          {4, 50, 20, 32, 0}, {2, 2, 3, 300, 5}, {1, 40, 32, 64, 32},
                          {5, 1, 3, 70, 5},  {5, 1, 3, 300, 5}, {2, 201, 2, 5, 1},
                          {70, 3, 2, 40, 1}, {1, 1, 5000, 70, 1}};
  Pool pool(3);
  for (const Shape& shape : shapes)
    for (Index threads : {1, 2, 3, 4}) {
      Example example(shape);
      run_and_check(example, pool, threads, 1s);
    }
  // More callers than threads to help them, and no patience: helpers that come in time take part.
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller)
    callers.emplace_back([&, caller] {
      for (int again = 0; again < 5; ++again) {
        Example example(shapes[(caller + again) % std::size(shapes)]);
        run_and_check(example, pool, 4, again * 20us);
      }
    });
  for (auto& caller : callers) caller.join();
  FullPool full;
  Example alone(shapes[1]);
  run_and_check(alone, full, 4, 1ms);
  check_failure_lets_helpers_go(pool);
  check_members_part();
  check_in_child(pool, shapes[1]);
  std::puts("all right");
}
