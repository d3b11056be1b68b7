// A thread pool with the one method that a team needs of XLA's.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

class Pool {
 public:
  explicit Pool(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
  }
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    waiting_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  template <class Task>
  void Schedule(Task task) {
    {
      std::lock_guard lock(mutex_);
      tasks_.push(std::move(task));
    }
    waiting_.notify_one();
  }

 private:
  void serve() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex_);
        waiting_.wait(lock, [&] { return closing_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop();
      }
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable waiting_;
  std::queue<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  bool closing_ = false;
};
