// Data sets, orders of samples, and the loader of batches.
#include <neve/array.h>
#include <neve/autograd.h>
#include <neve/data.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

#include "base/error.h"
#include "eager/random.h"

namespace neve::data {
namespace {

// n numbers of [0, 1) that follow from (seed, epoch) alone.
Tensor draws(int64_t n, int64_t seed, int64_t epoch) {
  return ops::random_uniform(ints({seed}), ints({epoch}), ints({n}), {.low = 0, .high = 1, .dtype = DType::f64});
}

}  // namespace

// ---- data sets ---------------------------------------------------------------------------------------------------

Sample Dataset::batch(std::span<const int64_t> indices) const {
  std::vector<std::vector<Tensor>> columns;
  for (int64_t i : indices) {
    const Sample s = get(i);
    if (columns.empty()) columns.resize(s.size());
    if (s.size() != columns.size())
      fail(ErrorCode::invalid_argument, "DataLoader: sample ", i, " has ", s.size(), " tensors and the one before ",
           columns.size(), " (as many)");
    for (size_t k = 0; k < s.size(); ++k) columns[k].push_back(s[k]);
  }
  Sample made;
  for (const std::vector<Tensor>& column : columns) made.push_back(stack(column));
  return made;
}

TensorDataset::TensorDataset(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {
  if (tensors_.empty()) fail(ErrorCode::invalid_argument, "TensorDataset: there are no tensors (one or more)");
  for (const Tensor& t : tensors_)
    if (!t.defined() || t.rank() == 0 || t.size(0) != tensors_[0].size(0))
      fail(ErrorCode::shape_mismatch, "TensorDataset: a tensor is ",
           t.defined() ? type_text(t) : std::string("undefined"), " and the first ",
           tensors_[0].defined() ? type_text(tensors_[0]) : std::string("undefined"), " (first axes of one size)");
}
int64_t TensorDataset::size() const { return tensors_[0].size(0); }
Sample TensorDataset::get(int64_t i) const {
  Sample s;
  for (const Tensor& t : tensors_) s.push_back(t.select(0, i));
  return s;
}
Sample TensorDataset::batch(std::span<const int64_t> indices) const {
  const Tensor at = from_vector(std::vector<int64_t>(indices.begin(), indices.end()));
  Sample s;
  for (const Tensor& t : tensors_) s.push_back(t.index_select(0, at));
  return s;
}

Subset::Subset(const Dataset& set, std::vector<int64_t> indices) : set_(&set), indices_(std::move(indices)) {
  const int64_t n = set.size();
  for (int64_t i : indices_)
    if (i < 0 || i >= n) fail(ErrorCode::invalid_argument, "Subset: sample ", i, " (samples 0..", n - 1, ")");
}
Sample Subset::batch(std::span<const int64_t> indices) const {
  std::vector<int64_t> theirs;
  theirs.reserve(indices.size());
  for (int64_t i : indices) theirs.push_back(indices_[size_t(i)]);
  return set_->batch(theirs);
}
ConcatDataset::ConcatDataset(std::vector<const Dataset*> sets) : sets_(std::move(sets)) {
  if (sets_.empty()) fail(ErrorCode::invalid_argument, "ConcatDataset: there are no data sets (one or more)");
  int64_t end = 0;
  for (const Dataset* set : sets_) ends_.push_back(end += set->size());
}
Sample ConcatDataset::get(int64_t i) const {
  const size_t k = size_t(std::upper_bound(ends_.begin(), ends_.end(), i) - ends_.begin());
  return sets_[k]->get(k ? i - ends_[k - 1] : i);
}
std::vector<Subset> random_split(const Dataset& set, std::span<const int64_t> sizes, int64_t seed) {
  int64_t total = 0;
  bool whole = true;
  for (int64_t n : sizes) whole = whole && n >= 0, total += n;
  if (!whole || total != set.size())
    fail(ErrorCode::invalid_argument, "random_split: sizes are ", std::vector<int64_t>(sizes.begin(), sizes.end()),
         " for a data set of ", set.size(), " (sizes of 0 or more that sum to it)");
  const std::vector<int64_t> order = random_order(total, seed, 0);
  std::vector<Subset> parts;
  auto at = order.begin();
  for (int64_t n : sizes) {
    parts.emplace_back(set, std::vector<int64_t>(at, at + n));
    at += n;
  }
  return parts;
}

// ---- orders ------------------------------------------------------------------------------------------------------

std::vector<int64_t> sequential_order(int64_t n) {
  std::vector<int64_t> order(size_t(std::max<int64_t>(n, 0)));
  std::iota(order.begin(), order.end(), 0);
  return order;
}
std::vector<int64_t> random_order(int64_t n, int64_t seed, int64_t epoch) {
  return n > 0 ? to_int_vector(argsort(draws(n, seed, epoch), 0)) : std::vector<int64_t>();
}
std::vector<int64_t> weighted_order(std::span<const double> weights, int64_t count, int64_t seed, int64_t epoch) {
  std::vector<double> sums;
  double total = 0;
  for (double w : weights) {
    if (!(w >= 0)) fail(ErrorCode::invalid_argument, "weighted_order: a weight is ", w, " (0 or more)");
    sums.push_back(total += w);
  }
  if (!(total > 0)) fail(ErrorCode::invalid_argument, "weighted_order: the weights sum to ", total, " (above 0)");
  std::vector<int64_t> order;
  if (count <= 0) return order;
  const Tensor at = draws(count, seed, epoch);
  for (int64_t k = 0; k < count; ++k) {
    const auto found = std::upper_bound(sums.begin(), sums.end(), at.data_as<double>()[k] * total);
    order.push_back(std::min<int64_t>(found - sums.begin(), int64_t(sums.size()) - 1));
  }
  return order;
}

// ---- the loader --------------------------------------------------------------------------------------------------

namespace {

// What the draws of one batch follow from: the same whoever makes it. (splitmix64 over the three.)
int64_t batch_seed(int64_t seed, int64_t epoch, int64_t number) {
  uint64_t h = 0;
  for (int64_t v : {seed, epoch, number}) {
    h += uint64_t(v) + 0x9e3779b97f4a7c15;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
    h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
    h ^= h >> 31;
  }
  return int64_t(h >> 1);
}

}  // namespace

class DataLoader::Run {
 public:
  Run(const Dataset& set, const LoaderOptions& o, int64_t epoch)
      : set_(set), options_(o), epoch_(epoch), recorded_(is_grad_enabled()) {
    const int64_t n = set.size();
    order_ = o.order ? o.order(epoch) : o.shuffle ? random_order(n, o.seed, epoch) : sequential_order(n);
    for (int64_t i : order_)
      if (i < 0 || i >= n)
        fail(ErrorCode::invalid_argument, "DataLoader: order holds ", i, " (samples 0..", n - 1, ")");
    const int64_t count = int64_t(order_.size());
    batches_ = o.drop_last ? count / o.batch : (count + o.batch - 1) / o.batch;
    const int64_t threads = std::min(o.workers, batches_);
    ahead_ = threads * o.prefetch;
    try {
      for (int64_t k = 0; k < threads; ++k) workers_.emplace_back([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }
  ~Run() { stop(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  int64_t batches() const { return batches_; }

  Sample take(int64_t number) {
    std::unique_lock lock(mutex_);
    // A copy of an iterator may ask again for what was handed out: that is made here.
    if (workers_.empty() || number < taken_) {
      lock.unlock();
      return make(number);
    }
    taken_ = number + 1;  // while it is waited for, too: the room of this batch is free for another
    room_.notify_all();
    done_.wait(lock, [&] { return ready_.contains(number); });
    Made made = std::move(ready_.extract(number).mapped());
    ready_.erase(ready_.begin(), ready_.lower_bound(number));
    lock.unlock();
    if (made.error) std::rethrow_exception(made.error);
    return std::move(made.batch);
  }

 private:
  struct Made {
    Sample batch;
    std::exception_ptr error;
  };

  Sample make(int64_t number) const {
    const size_t from = size_t(number * options_.batch);
    const size_t count = std::min(size_t(options_.batch), order_.size() - from);
    Sample batch;
    eager::with_own_draws(batch_seed(options_.seed, epoch_, number),
                          [&] { batch = set_.batch(std::span(order_).subspan(from, count)); });
    return batch;
  }

  void work() {
    const GradMode mode(recorded_);
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock, [&] { return stopped_ || next_ >= batches_ || next_ < taken_ + ahead_; });
      if (stopped_ || next_ >= batches_) return;
      const int64_t number = next_++;
      lock.unlock();
      Made made;
      try {
        made.batch = make(number);
      } catch (...) {
        made.error = std::current_exception();
      }
      lock.lock();
      ready_[number] = std::move(made);
      done_.notify_all();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    room_.notify_all();
    for (std::thread& t : workers_) t.join();
    workers_.clear();
  }

  const Dataset& set_;
  const LoaderOptions options_;
  const int64_t epoch_;
  const bool recorded_;
  std::vector<int64_t> order_;
  int64_t batches_ = 0, ahead_ = 0;
  std::mutex mutex_;  ///< of what follows
  std::condition_variable room_, done_;
  std::map<int64_t, Made> ready_;
  int64_t next_ = 0, taken_ = 0;  ///< to be made, to be asked for
  bool stopped_ = false;
  std::vector<std::thread> workers_;
};

DataLoader::DataLoader(const Dataset& set, const LoaderOptions& o) : set_(&set), options_(o) {
  if (o.batch < 1) fail(ErrorCode::invalid_argument, "DataLoader: batch is ", o.batch, " (1 or more)");
  if (o.workers < 0) fail(ErrorCode::invalid_argument, "DataLoader: workers is ", o.workers, " (0 or more)");
  if (o.prefetch < 1) fail(ErrorCode::invalid_argument, "DataLoader: prefetch is ", o.prefetch, " (1 or more)");
  if (o.shuffle && o.order) fail(ErrorCode::invalid_argument, "DataLoader: shuffle and an order (one of them)");
}
int64_t DataLoader::size() const {
  if (options_.order)
    fail(ErrorCode::unsupported, "DataLoader: size with an order of one's own, which says how many samples there are");
  const int64_t n = set_->size();
  return options_.drop_last ? n / options_.batch : (n + options_.batch - 1) / options_.batch;
}
DataLoader::Iterator DataLoader::begin() { return Iterator(std::make_shared<Run>(*set_, options_, epoch_++)); }

DataLoader::Iterator::Iterator(std::shared_ptr<Run> run) : run_(std::move(run)) { load(); }
void DataLoader::Iterator::load() {
  batch_.clear();
  if (!run_) return;
  if (at_ < run_->batches()) {
    batch_ = run_->take(at_);
    return;
  }
  run_.reset();
  at_ = 0;
}
DataLoader::Iterator& DataLoader::Iterator::operator++() {
  ++at_;
  load();
  return *this;
}

}  // namespace neve::data
