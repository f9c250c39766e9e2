// Data sets, orders of samples, and the loader of batches.
#include <neve/array.h>
#include <neve/data.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"

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

DataLoader::DataLoader(const Dataset& set, const LoaderOptions& o) : set_(&set), options_(o) {
  if (o.batch < 1) fail(ErrorCode::invalid_argument, "DataLoader: batch is ", o.batch, " (1 or more)");
}
int64_t DataLoader::size() const {
  const int64_t n = set_->size();
  return options_.drop_last ? n / options_.batch : (n + options_.batch - 1) / options_.batch;
}
DataLoader::Iterator DataLoader::begin() {
  const int64_t n = set_->size(), epoch = epoch_++;
  auto order = options_.shuffle ? random_order(n, options_.seed, epoch) : sequential_order(n);
  return {this, std::make_shared<const std::vector<int64_t>>(std::move(order)), 0};
}
DataLoader::Iterator DataLoader::end() const { return {this, nullptr, size()}; }

DataLoader::Iterator::Iterator(const DataLoader* loader, std::shared_ptr<const std::vector<int64_t>> order, int64_t at)
    : loader_(loader), order_(std::move(order)), at_(at) {
  load();
}
void DataLoader::Iterator::load() {
  batch_.clear();
  if (!order_ || at_ >= loader_->size()) return;
  const size_t from = size_t(at_ * loader_->options_.batch);
  const size_t count = std::min(size_t(loader_->options_.batch), order_->size() - from);
  batch_ = loader_->set_->batch(std::span(*order_).subspan(from, count));
}
DataLoader::Iterator& DataLoader::Iterator::operator++() {
  ++at_;
  load();
  return *this;
}

}  // namespace neve::data
