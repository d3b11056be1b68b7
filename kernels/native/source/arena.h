// Scratch memory that outlives a call, because fresh pages cost more than what is written to them.
#pragma once

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include "math/vector.h"

namespace rnn {

inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::size_t kHugePage = std::size_t(2) << 20;

constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// Asks for huge pages under what a call is about to write, if anything: where it lies in pages that no
// one touched yet, a fault for every small one takes longer than the writing. Small buffers are used
// again.
template <class Number>
void expect_large_write(Number* memory, Index n) {
  const std::size_t begin = reinterpret_cast<std::size_t>(memory), end = begin + n * sizeof(Number);
  if (!memory || end - begin < 2 * kHugePage) return;
  const std::size_t first = round_up(begin, kHugePage), last = end / kHugePage * kHugePage;
  madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);  // only a hint
}

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  ~Arena() { std::free(memory_); }

  char* reserve(std::size_t bytes) {
    if (bytes > bytes_) {
      std::free(memory_);
      bytes_ = round_up(bytes, kHugePage);
      memory_ = static_cast<char*>(std::aligned_alloc(kHugePage, bytes_));
      if (!memory_) {
        bytes_ = 0;
        throw std::bad_alloc();
      }
      madvise(memory_, bytes_, MADV_HUGEPAGE);  // where refused, small pages do too
    }
    return memory_;
  }

 private:
  char* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

// An arena for as long as the lease lives: one that an earlier call left, else a new one. Without a
// lock, which a fork could leave closed for ever. Free arenas live as long as the process.
class ArenaLease {
 public:
  ArenaLease() {
    for (auto& place : free_arenas())
      if ((arena_ = place.exchange(nullptr))) return;
    arena_ = new Arena;
  }
  ArenaLease(const ArenaLease&) = delete;
  ~ArenaLease() {
    for (auto& place : free_arenas()) {
      Arena* empty = nullptr;
      if (place.compare_exchange_strong(empty, arena_)) return;
    }
    delete arena_;
  }

  Arena* operator->() const { return arena_; }

 private:
  static std::array<std::atomic<Arena*>, 4>& free_arenas() {
    static std::array<std::atomic<Arena*>, 4> arenas{};
    return arenas;
  }

  Arena* arena_;
};

// Gives out parts of an arena, one after the other. Over no memory at all it only counts.
class BumpAllocator {
 public:
  explicit BumpAllocator(char* memory = nullptr) : memory_(memory) {}

  template <class T>
  T* allocate(Index n) {
    T* given = memory_ ? reinterpret_cast<T*>(memory_ + used_) : nullptr;
    used_ += round_up(std::size_t(n) * sizeof(T), kCacheLine);
    return given;
  }

  std::size_t used() const { return used_; }

 private:
  char* memory_;
  std::size_t used_ = 0;
};

}  // namespace rnn
