// Data sets and the loader of batches.
//
//     data::TensorDataset set({images, labels});
//     data::DataLoader batches(set, {.batch = 32, .shuffle = true, .seed = 7});
//     for (int epoch = 0; epoch < 5; ++epoch)
//       for (const data::Sample& b : batches) train(b[0], b[1]);
//
// With .workers = 2 two threads make batches ahead.
#pragma once
#include <neve/tensor.h>

#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

namespace neve::data {

using Sample = std::vector<Tensor>;

/// Samples by number. Write size and get; write batch too where many samples come more cheaply at once. A loader with
/// workers calls them from several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  /// Sample i, 0 <= i < size(): tensors of the same number, dtypes and shapes for every i.
  virtual Sample get(int64_t i) const = 0;
  /// Samples stacked along a new first axis.
  virtual Sample batch(std::span<const int64_t> indices) const;
};

/// Rows of tensors with equally many: sample i is row i of each.
class TensorDataset : public Dataset {
 public:
  /// @throws Error{shape_mismatch} for tensors with unequal first axes; Error{invalid_argument} for none
  explicit TensorDataset(std::vector<Tensor> tensors);
  int64_t size() const override;
  Sample get(int64_t i) const override;
  Sample batch(std::span<const int64_t> indices) const override;

 private:
  std::vector<Tensor> tensors_;
};

/// Some samples of a data set, by number; or all of several, one after the other. The data sets must outlive them.
class Subset : public Dataset {
 public:
  /// @throws Error{invalid_argument} for a sample that the data set does not have
  Subset(const Dataset& set, std::vector<int64_t> indices);
  int64_t size() const override { return int64_t(indices_.size()); }
  Sample get(int64_t i) const override { return set_->get(indices_[size_t(i)]); }
  Sample batch(std::span<const int64_t> indices) const override;
  const std::vector<int64_t>& indices() const { return indices_; }

 private:
  const Dataset* set_;
  std::vector<int64_t> indices_;
};
class ConcatDataset : public Dataset {
 public:
  /// @throws Error{invalid_argument} for none
  explicit ConcatDataset(std::vector<const Dataset*> sets);
  int64_t size() const override { return ends_.back(); }
  Sample get(int64_t i) const override;

 private:
  std::vector<const Dataset*> sets_;
  std::vector<int64_t> ends_;
};
/// Parts without a sample in common, of the sizes given, drawn by `seed`.
/// @throws Error{invalid_argument} for sizes that do not sum to that of the data set
std::vector<Subset> random_split(const Dataset& set, std::span<const int64_t> sizes, int64_t seed = 0);

/// The order of an epoch: 0 ... n - 1, shuffled by (seed, epoch) alone, so that an epoch can be made again.
std::vector<int64_t> sequential_order(int64_t n);
std::vector<int64_t> random_order(int64_t n, int64_t seed, int64_t epoch);
/// `count` draws with replacement, index i with a probability in proportion to weights[i].
/// @throws Error{invalid_argument} for a negative weight, or none above 0
std::vector<int64_t> weighted_order(std::span<const double> weights, int64_t count, int64_t seed, int64_t epoch);

struct LoaderOptions {
  int64_t batch = 1;
  bool shuffle = false;
  bool drop_last = false;  ///< leave out a last batch that is smaller
  int64_t seed = 0;        ///< of the shuffling, and of what the data set draws
  int64_t workers = 0;     ///< threads that make batches; 0: they are made when asked for, on the thread that asks
  int64_t prefetch = 2;    ///< batches that each worker makes ahead
  /// Indices of the samples of an epoch, instead of shuffle: weighted_order, or a part of the data set, say.
  std::function<std::vector<int64_t>(int64_t epoch)> order = nullptr;
};
/// Batches of a data set, which must outlive it and its iterators. Every iteration is an epoch: its order follows from
/// (seed, epoch), and what the data set draws at random for a batch from (seed, epoch, number of the batch); so
/// batches and their order are the same with any number of workers, and draws elsewhere do not notice. An exception of
/// the data set reaches the caller as it is, at the batch that it belongs to. An iterator that is destroyed, or at the
/// end, ends its workers, each after the batch that it makes.
class DataLoader {
  class Run;  ///< an epoch that is being iterated over

 public:
  /// @throws Error{invalid_argument} for a batch or prefetch below 1, for workers below 0, for shuffle and order
  explicit DataLoader(const Dataset& set, const LoaderOptions& o = {});
  /// Batches of an epoch. @throws Error{unsupported} where `order` says how many there are
  int64_t size() const;
  int64_t epoch() const { return epoch_; }
  void set_epoch(int64_t epoch) { epoch_ = epoch; }  ///< of the next iteration: after a checkpoint is loaded, say

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Sample;
    using difference_type = std::ptrdiff_t;
    using pointer = const Sample*;
    using reference = const Sample&;
    Iterator() = default;
    const Sample& operator*() const { return batch_; }
    const Sample* operator->() const { return &batch_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    /// Iterators are alike at the end, and at the same batch of an epoch.
    bool operator==(const Iterator& o) const { return run_ == o.run_ && at_ == o.at_; }

   private:
    friend class DataLoader;
    explicit Iterator(std::shared_ptr<Run> run);
    void load();
    std::shared_ptr<Run> run_;  ///< null: at the end
    int64_t at_ = 0;
    Sample batch_;
  };
  Iterator begin();  ///< begins an epoch
  Iterator end() const { return {}; }

 private:
  const Dataset* set_;
  LoaderOptions options_;
  int64_t epoch_ = 0;
};

}  // namespace neve::data
