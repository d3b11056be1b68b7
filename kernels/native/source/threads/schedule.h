// Which rows of the batch take part in which step, in what order, and where they lie meanwhile.
#pragma once

#include <numeric>
#include <vector>

#include "problem.h"
#include "threads/division.h"

namespace rnn {

// Steps are numbered as a direction takes them. Within a group longer sequences come first, so that
// those which take part in a step are the first of its rows: going forward rows leave one after the
// other, in reverse they enter, each at its sequence's end. Groups get sequences of like lengths.
//
// Steps are cut into chunks, which have as many rows as some steps of the whole batch. A group's rows
// of a chunk lie step after step, so that its products have no padding in them, and in memory of its
// own: it may be chunks ahead of others.
class Schedule {
 public:
  // With room, or not, behind the rows of a step for those that enter in the next.
  template <class Stored>
  Schedule(const Problem<Stored>& problem, const Division& division, Index steps_of_chunk,
           bool room)
      : B_(problem.B), groups_(division.groups()), reverse_(problem.reverse), order_(problem.B),
        first_(groups_ + 1, B_) {
    for (Index g = 0; g < groups_; ++g) first_[g] = division.positions(g, B_).first;
    sort_rows(problem.lengths);
    const std::int32_t* lengths = problem.lengths;
    steps_ = problem.T;
    if (lengths) steps_ = *std::max_element(lengths, lengths + B_);
    count_rows(lengths);
    cut(steps_of_chunk, room);
  }

  Index steps() const { return steps_; }
  Index time(Index step) const { return reverse_ ? steps_ - 1 - step : step; }
  const std::vector<Range>& chunks() const { return chunks_; }

  // Positions in the batch: a group's first one, the caller's row at one.
  Index first(Index group) const { return first_[group]; }
  Index row(Index position) const { return order_[position]; }

  // How many of a group's rows take part in a step: none before the first and after the last.
  Index active(Index group, Index step) const {
    return step < 0 || step >= steps_ ? 0 : active_[group * steps_ + step];
  }
  // Where the rows of a group's step start in its chunk, and those of a group in all of a chunk.
  Index start(Index group, Index step) const { return start_[group * steps_ + step]; }
  Range rows(Index group, Range chunk) const {
    if (!chunk.size()) return {0, 0};
    const Index last = chunk.last - 1;
    return {start(group, chunk.first), start(group, last) + active(group, last)};
  }

 private:
  // Dealt out one by one, longest first, each to the next group with a free place.
  void sort_rows(const std::int32_t* lengths) {
    std::iota(order_.begin(), order_.end(), Index(0));
    if (!lengths) return;
    std::vector<Index> sorted = order_, next(first_.begin(), first_.end() - 1);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [lengths](Index a, Index b) { return lengths[a] > lengths[b]; });
    Index group = 0;
    for (const Index row : sorted) {
      while (next[group] == first_[group + 1]) group = (group + 1) % groups_;
      order_[next[group]++] = row;
      group = (group + 1) % groups_;
    }
  }

  void count_rows(const std::int32_t* lengths) {
    active_.resize(groups_ * steps_);
    for (Index g = 0; g < groups_; ++g) {
      Index found = first_[g + 1] - first_[g];
      for (Index t = 0; t < steps_; ++t) {
        while (lengths && found && lengths[order_[first_[g] + found - 1]] <= t) --found;
        active_[g * steps_ + (reverse_ ? steps_ - 1 - t : t)] = found;
      }
    }
  }

  // How many rows a step takes of a chunk.
  Index taken(Index group, Index step, bool room) const {
    return room ? std::max(active(group, step), active(group, step + 1)) : active(group, step);
  }

  void cut(Index steps_of_chunk, bool room) {
    start_.resize(groups_ * steps_);
    for (Index step = 0; step < steps_;) {
      const Range chunk{step, end(step, steps_of_chunk, room)};
      for (Index g = 0; g < groups_; ++g) {
        Index next = steps_of_chunk * first_[g];
        for (Index s = chunk.first; s < chunk.last; ++s) {
          start_[g * steps_ + s] = next;
          next += taken(g, s, room && s + 1 < chunk.last);
        }
      }
      chunks_.push_back(chunk);
      step = chunk.last;
    }
    if (chunks_.empty()) chunks_.push_back({0, 0});
  }

  // The end of a chunk that starts with this step: no group has more rows than its memory.
  Index end(Index first, Index steps_of_chunk, bool room) const {
    Index last = steps_;
    for (Index g = 0; g < groups_; ++g) {
      const Index capacity = steps_of_chunk * (first_[g + 1] - first_[g]);
      Index used = 0;
      for (Index s = first; s < last; ++s) {
        used += taken(g, s, room);
        if (used > capacity) last = std::max(s, first + 1);
      }
    }
    return last;
  }

  Index B_, groups_, steps_ = 0;
  bool reverse_;
  std::vector<Index> order_, first_, active_, start_;
  std::vector<Range> chunks_;
};

}  // namespace rnn
