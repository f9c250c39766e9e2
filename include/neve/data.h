// Data sets and the loader of batches.
//
//     data::TensorDataset set({images, labels});
//     data::DataLoader batches(set, {.batch = 32, .shuffle = true, .seed = 7});
//     for (int epoch = 0; epoch < 5; ++epoch)
//       for (const data::Sample& b : batches) train(b[0], b[1]);
#pragma once
#include <neve/tensor.h>

#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

namespace neve::data {

using Sample = std::vector<Tensor>;

/// Samples by number. Write size and get; write batch too where many samples come more cheaply at once.
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
  int64_t seed = 0;        ///< of the shuffling
};
/// Batches of a data set, which must outlive it. Every iteration is an epoch: its order follows from (seed, epoch).
/// Batches are made when they are asked for, on the thread that asks.
class DataLoader {
 public:
  /// @throws Error{invalid_argument} for a batch below 1
  explicit DataLoader(const Dataset& set, const LoaderOptions& o = {});
  int64_t size() const;  ///< batches of an epoch
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
    bool operator==(const Iterator& o) const { return at_ == o.at_; }

   private:
    friend class DataLoader;
    Iterator(const DataLoader* loader, std::shared_ptr<const std::vector<int64_t>> order, int64_t at);
    void load();
    const DataLoader* loader_ = nullptr;
    std::shared_ptr<const std::vector<int64_t>> order_;
    int64_t at_ = 0;
    Sample batch_;
  };
  Iterator begin();  ///< begins an epoch
  Iterator end() const;

 private:
  const Dataset* set_;
  LoaderOptions options_;
  int64_t epoch_ = 0;
};

}  // namespace neve::data
