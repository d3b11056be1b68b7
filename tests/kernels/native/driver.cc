// Runs the native kernel without XLA, for sanitizers, with the cell RNN_CELL: every shape against
// plain loops, then several calls at once on too few threads. Exits with 1 at the first wrong number.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "backward.h"
#include "forward.h"
#include "halves.h"
#include "numbers.h"
#include "packed.h"
#include "threads/pool.h"

namespace {

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

using Cell = RNN_CELL;
using Numbers = std::vector<double>;
constexpr Index S = Cell::kSlots, X = Cell::kFromX, R = Cell::kFromH, C = Cell::kCarried;
constexpr Index kStates = 1 + C, kKept = C + Cell::kSaved;

// Sequences of 0 to T steps, in no order; none where all are whole.
std::vector<std::int32_t> uneven(Shape s) {
  std::vector<std::int32_t> lengths(s.B);
  for (Index b = 0; b < s.B; ++b) lengths[b] = std::int32_t(b * 7 % (s.T + 1));
  return lengths;
}

// A layer, its forward pass and its gradients, in memory of exactly their size. And its recurrence
// alone, from pre-activations to h and from dh to the derivatives of the slots.
struct Example {
  explicit Example(Shape s, std::vector<std::int32_t> lengths = {}, bool reverse = false)
      : shape(s),
        lengths(std::move(lengths)),
        reverse(reverse),
        w_x(draw(s.I * X * s.H, 1 / std::sqrt(s.I), 1)),
        w_h(draw(s.H * R * s.H, 0.9 / std::sqrt(s.H), 2)),
        b(draw(S * s.H, 0.1, 3)),
        w_o(draw(s.H * s.O, 1 / std::sqrt(s.H), 4)),
        b_o(draw(s.O, 0.1, 5)),
        x(draw(s.T * s.B * s.I, 1, 6)),
        initial(draw(kStates * s.B * s.H, 1, 7)),
        dy(draw(s.T * s.B * s.O, 1, 8)),
        dlast(draw(kStates * s.B * s.H, 1, 9)),
        h(s.T * s.B * s.H),
        saved(s.T * s.B * kKept * s.H),
        y(s.T * s.B * s.O),
        last(initial.size()),
        dw_x(w_x.size()),
        dw_h(w_h.size()),
        db(b.size()),
        dw_o(w_o.size()),
        db_o(s.O),
        dx(x.size()),
        dinitial(initial.size()),
        pre(s.T * s.B * X * s.H),
        dh(h.size()),
        h_alone(h.size()),
        last_alone(initial.size()),
        dpre(pre.size()),
        dw_h_alone(w_h.size()),
        db_alone((S - X) * s.H) {
    for (std::size_t i = 0; i < pre.size(); ++i) pre[i] = b[i % (X * s.H)];
    add_product(x, w_x, s.I, X * s.H, false, pre);
    add_product(dy, w_o, s.O, s.H, true, dh);
  }

  // h, and what is carried behind it.
  template <class Memory>
  auto state(Memory& memory) const {
    return rnn::State{memory.data(), memory.data() + shape.B * shape.H};
  }
  rnn::Problem<float> layer() const {
    return {shape.T,  shape.B,    shape.I,
            shape.H,  shape.O,    w_x.data(),
            w_h.data(), b.data(), b.data() + X * shape.H,
            w_o.data(), b_o.data(), x.data(),
            state(initial), lengths.empty() ? nullptr : lengths.data(), reverse};
  }
  rnn::Problem<float> recurrence() const {
    rnn::Problem<float> alone = layer();
    alone.I = alone.O = 0;
    return alone;
  }

  template <class Pool>
  void run(Pool& pool, Index threads, std::chrono::nanoseconds patience) {
    float* kept = kKept ? saved.data() : nullptr;
    rnn::Forward<float, Cell> forward(
        layer(), {nullptr, h.data(), state(last), kept, shape.O ? y.data() : nullptr});
    rnn::run_team(pool, threads, patience, forward);
    rnn::BackwardArrays<float> arrays{};
    arrays.h = h.data(), arrays.saved = kept, arrays.dy = dy.data(), arrays.dlast = state(std::as_const(dlast));
    arrays.dw_x = dw_x.data(), arrays.dw_h = dw_h.data(), arrays.db = db.data();
    arrays.dw_o = dw_o.data(), arrays.db_o = db_o.data();
    arrays.dx = dx.data(), arrays.dinitial = state(dinitial);
    rnn::Backward<float, Cell> backward(layer(), arrays);
    rnn::run_team(pool, threads, patience, backward);
    rnn::Forward<float, Cell> forward_alone(
        recurrence(), {pre.data(), h_alone.data(), state(last_alone), nullptr, nullptr});
    rnn::run_team(pool, threads, patience, forward_alone);
    rnn::BackwardArrays<float> alone{};
    alone.h = h.data(), alone.saved = kept, alone.dh = dh.data(), alone.dlast = state(std::as_const(dlast));
    alone.dpre = dpre.data(), alone.dinitial = state(dinitial);
    alone.dw_h = dw_h_alone.data(), alone.db = db_alone.data();
    rnn::Backward<float, Cell> backward_alone(recurrence(), alone);
    rnn::run_team(pool, threads, patience, backward_alone);
  }

  Shape shape;
  std::vector<std::int32_t> lengths;
  bool reverse;
  std::vector<float> w_x, w_h, b, w_o, b_o, x, initial, dy, dlast;
  std::vector<float> h, saved, y, last, dw_x, dw_h, db, dw_o, db_o, dx, dinitial;
  std::vector<float> pre, dh, h_alone, last_alone, dpre, dw_h_alone, db_alone;
};

void expect(const char* what, const std::vector<float>& got, const Numbers& want) {
  double largest = 1;
  for (double number : want) largest = std::max(largest, std::abs(number));
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!(std::abs(got[i] - want[i]) <= 2e-5 * largest)) {
      std::printf("%s[%zu] is %g; expected %g\n", what, i, got[i], want[i]);
      std::exit(1);
    }
}

// The layer in float64 by plain loops, a hidden unit at a time: only what the cell makes of its
// slots is the kernel's own, and the states at which a gradient is taken.
class Plain {
 public:
  explicit Plain(const Example& example) : e(example) {
    dstate.assign(e.dlast.begin(), e.dlast.end());
    for (Index b = 0; b < B; ++b) {
      for (Index step = 0; step < length(b); ++step) forward(time(b, step), b);
      for (Index step = length(b); step-- > 0;) backward(time(b, step), b);
    }
  }

  void check() const {
    expect("h", e.h, h), expect("y", e.y, y), expect("last", e.last, state);
    expect("h alone", e.h_alone, h), expect("last alone", e.last_alone, state);
    expect("dw_x", e.dw_x, dw_x), expect("dw_h", e.dw_h, dw_h), expect("db", e.db, db);
    expect("dw_o", e.dw_o, dw_o), expect("db_o", e.db_o, db_o), expect("dx", e.dx, dx);
    expect("dpre", e.dpre, dpre), expect("dinitial", e.dinitial, dstate);
    expect("dw_h alone", e.dw_h_alone, dw_h);
    expect("db alone", e.db_alone, Numbers(db.begin() + X * H, db.end()));
  }

 private:
  using Ahead = rnn::Ahead<Cell, double>;
  using Back = rnn::Back<Cell, double>;

  Index length(Index b) const { return e.lengths.empty() ? T : e.lengths[b]; }
  Index time(Index b, Index step) const { return e.reverse ? length(b) - 1 - step : step; }
  double h_before(Index t, Index b, Index j) const {
    const Index before = e.reverse ? t + 1 : t - 1;
    const bool is_first = e.reverse ? before == length(b) : t == 0;
    return is_first ? e.initial[b * H + j] : e.h[(before * B + b) * H + j];
  }
  double& of(Numbers& states, Index which, Index b, Index j) {
    return states[(which * B + b) * H + j];
  }

  void forward(Index t, Index b) {
    const Index row = t * B + b;
    Numbers before(H);
    for (Index j = 0; j < H; ++j) before[j] = of(state, 0, b, j);
    for (Index j = 0; j < H; ++j) {
      Ahead now{};
      for (Index s = 0; s < S; ++s) {
        double slot = e.b[s * H + j];
        for (Index i = 0; i < I && s < X; ++i)
          slot += double(e.x[row * I + i]) * e.w_x[i * X * H + s * H + j];
        for (Index i = 0; i < H && s >= S - R; ++i)
          slot += before[i] * e.w_h[i * R * H + (s - S + R) * H + j];
        now.slots[s][0] = slot;
      }
      now.h[0] = before[j];
      for (Index i = 0; i < C; ++i)
        now.carried[i][0] = carried_before[(row * C + i) * H + j] = of(state, 1 + i, b, j);
      Cell::template gates<double>(now.slots);
      Cell::template step<double>(now);
      h[row * H + j] = of(state, 0, b, j) = now.h[0];
      for (Index i = 0; i < C; ++i) of(state, 1 + i, b, j) = now.carried[i][0];
      steps[row * H + j] = now;
    }
    for (Index o = 0; o < O; ++o) {
      y[row * O + o] = e.b_o[o];
      for (Index j = 0; j < H; ++j) y[row * O + o] += h[row * H + j] * e.w_o[j * O + o];
    }
  }

  void backward(Index t, Index b) {
    const Index row = t * B + b;
    Numbers dbefore(H);
    for (Index j = 0; j < H; ++j) {
      Back back{};
      back.dh[0] = of(dstate, 0, b, j);
      for (Index o = 0; o < O; ++o) {
        back.dh[0] += double(e.dy[row * O + o]) * e.w_o[j * O + o];
        dw_o[j * O + o] += double(e.h[row * H + j]) * e.dy[row * O + o];
      }
      back.h[0] = e.h[row * H + j], back.h_before[0] = h_before(t, b, j);
      for (Index i = 0; i < C; ++i) {
        back.carried[i] = steps[row * H + j].carried[i];
        back.carried_before[i][0] = carried_before[(row * C + i) * H + j];
        back.dcarried[i][0] = of(dstate, 1 + i, b, j);
      }
      for (Index i = 0; i < Cell::kSaved; ++i) back.saved[i] = steps[row * H + j].saved[i];
      Cell::template step_back<double>(back);
      for (Index s = 0; s < S; ++s) grow(t, b, s, j, dbefore, back.dslots[s][0]);
      if (Cell::kDirect) dbefore[j] += back.direct[0];
      for (Index i = 0; i < C; ++i) of(dstate, 1 + i, b, j) = back.dcarried[i][0];
    }
    for (Index j = 0; j < H; ++j) of(dstate, 0, b, j) = dbefore[j];
    for (Index o = 0; o < O; ++o) db_o[o] += e.dy[row * O + o];
  }

  // What the derivative of slot s of unit j adds to every gradient.
  void grow(Index t, Index b, Index s, Index j, Numbers& dbefore, double dslot) {
    const Index row = t * B + b, of_x = s * H + j, of_h = (s - S + R) * H + j;
    if (s < X) dpre[row * X * H + of_x] = dslot;
    db[of_x] += dslot;
    for (Index i = 0; i < I && s < X; ++i) {
      dw_x[i * X * H + of_x] += e.x[row * I + i] * dslot;
      dx[row * I + i] += dslot * e.w_x[i * X * H + of_x];
    }
    for (Index i = 0; i < H && s >= S - R; ++i) {
      dw_h[i * R * H + of_h] += h_before(t, b, i) * dslot;
      dbefore[i] += dslot * e.w_h[i * R * H + of_h];
    }
  }

  const Example& e;
  const Index T = e.shape.T, B = e.shape.B, I = e.shape.I, H = e.shape.H, O = e.shape.O;
  std::vector<Ahead> steps = std::vector<Ahead>(T * B * H);
  Numbers carried_before = Numbers(T * B * C * H), state{e.initial.begin(), e.initial.end()};
  Numbers h = Numbers(T * B * H), y = Numbers(T * B * O), dx = Numbers(T * B * I), dstate;
  Numbers dpre = Numbers(T * B * X * H), dw_x = Numbers(I * X * H), dw_h = Numbers(H * R * H);
  Numbers db = Numbers(S * H), dw_o = Numbers(H * O), db_o = Numbers(O);
};

template <class Pool>
void run_and_check(Example& example, Pool& pool, Index threads, std::chrono::nanoseconds patience) {
  example.run(pool, threads, patience);
  Plain(example).check();
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

void spin(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) rnn::relax();
}

struct CountedJob final : rnn::Job {
  void help() override { ++ran; }
  std::atomic<int> ran{0};
};

// Each task handed over runs once, also where a helper is just giving up waiting, and is dropped once
// it has run; nobody takes one when nobody waits.
void check_standby() {
  rnn::Standby standby;
  std::atomic<bool> over{false};
  auto job = std::make_shared<CountedJob>();
  const rnn::Task task{job, /*core=*/-1};
  const auto help = [&] {
    while (!over) standby.stay();
  };
  const auto call = [&](int pause) {
    for (int handed = 0; handed < 300; spin(std::chrono::microseconds(pause++ % 130)))
      handed += standby.hand_over(task).has_value();
  };
  std::thread helpers[] = {std::thread(help), std::thread(help)};
  std::thread callers[] = {std::thread(call, 0), std::thread(call, 65)};
  for (auto& caller : callers) caller.join();
  over = true;
  for (auto& helper : helpers) helper.join();
  if (job->ran != 600) std::printf("%d of 600 tasks ran\n", job->ran.load()), std::exit(1);
  if (job.use_count() != 2) std::puts("a task is kept after it ran"), std::exit(1);
  if (standby.hand_over(task)) std::puts("a task for nobody"), std::exit(1);
}

// Work without effect.
class Nothing final : public rnn::Work {
  void prepare(Index) override {}
  void run(Index) override {}
};

struct CountingPool {
  template <class Task>
  void Schedule(Task task) {
    ++scheduled, pool.Schedule(task);
  }
  Pool& pool;
  int scheduled = 0;
};

// Of calls that follow each other at once, some find the helper of the call before awake.
void check_helpers_stay(Pool& pool) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  CountingPool counting{pool};
  for (int calls = 0; counting.scheduled == calls; ++calls) {
    Nothing work;
    rnn::run_team(counting, 2, std::chrono::milliseconds(1), work);
    if (std::chrono::steady_clock::now() > deadline) std::puts("no helper stays"), std::exit(1);
  }
}

// After a call that follows on none, its helpers go: the next one, right behind it, calls others. Not
// each time, for the system may hold a thread up, and on a busy machine holds up most.
void check_helpers_go(Pool& pool) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  CountingPool counting{pool};
  for (int went = 0; went < 20;) {
    went = 0;
    for (int pair = 0; pair < 40; ++pair) {
      spin(std::chrono::microseconds(400));
      Nothing work;
      rnn::run_team(counting, 2, std::chrono::milliseconds(1), work);
      spin(std::chrono::microseconds(20));
      const int before = counting.scheduled;
      rnn::run_team(counting, 2, std::chrono::milliseconds(1), work);
      went += counting.scheduled - before;
    }
    if (std::chrono::steady_clock::now() > deadline)
      std::printf("helpers went after %d of 40 calls\n", went), std::exit(1);
  }
}

// A pool without the memory for every other task.
struct ScarcePool {
  template <class Task>
  void Schedule(Task task) {
    if (++called % 2 == 0) throw std::bad_alloc();
    pool.Schedule(task);
  }
  Pool& pool;
  int called = 0;
};

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

// A pool whose threads stayed behind in the parent: nobody takes its tasks.
struct LostPool {
  template <class Task>
  void Schedule(Task&&) {}
};

// A child of a process that has used the kernel has none of the threads, nor of the helpers that
// waited as it was forked, and works alone.
void check_in_child(Pool& pool, Shape shape) {
  Nothing work;
  for (int calls = 0; calls < 10; ++calls) rnn::run_team(pool, 4, std::chrono::milliseconds(1), work);
  const pid_t child = fork();
  if (!child) {
    LostPool lost;
    Example example(shape);
    run_and_check(example, lost, 4, std::chrono::microseconds(100));
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
                          {70, 3, 2, 40, 1}, {1, 1, 5000, 70, 1}, {1, 3, 40, 300, 70},
                          {1, 30, 3, 256, 1}};
  check_numbers<rnn::Float16>("float16"), check_numbers<rnn::Bfloat16>("bfloat16");
  Pool pool(3);
  for (const Shape& shape : shapes)
    for (Index threads : {1, 2, 3, 4})
      for (bool reverse : {false, true})
        for (const auto& lengths : {std::vector<std::int32_t>{}, uneven(shape)}) {
          Example example(shape, lengths, reverse);
          run_and_check(example, pool, threads, 1s);
          check_halves<Cell>(example, pool, threads);
          check_packed<Cell>(example, pool, threads);
          check_one_step<Cell>(example, pool, threads);
        }
  // More callers than threads to help them, and no patience: helpers that come in time take part.
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller)
    callers.emplace_back([&, caller] {
      for (int again = 0; again < 5; ++again) {
        const Shape shape = shapes[(caller + again) % std::size(shapes)];
        Example example(shape, uneven(shape), again % 2);
        run_and_check(example, pool, 4, again * 20us);
        check_packed<Cell>(example, pool, 4);
      }
    });
  for (auto& caller : callers) caller.join();
  FullPool full;
  Example alone(shapes[1]);
  run_and_check(alone, full, 4, 1ms);
  Example single({1, 2, 32, 300, 33});
  run_and_check(single, full, 4, 1ms);
  check_one_step<Cell>(single, full, 4);
  ScarcePool scarce{pool};
  run_and_check(alone, scarce, 4, 1ms);
  run_and_check(single, scarce, 4, 1ms);
  check_one_step<Cell>(single, scarce, 4);
  check_failure_lets_helpers_go(pool);
  check_standby();
  check_helpers_stay(pool);
  check_helpers_go(pool);
  check_members_part();
  check_in_child(pool, shapes[1]);
  std::puts("all right");
}
