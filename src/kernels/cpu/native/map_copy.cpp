// Copies by one map for each axis.
#include "kernels/cpu/native/map_copy.h"

#include <algorithm>
#include <cstring>

#include "base/threads.h"

namespace neve::kernels::native {
namespace {

bool is_identity(const std::vector<int64_t>& map, int64_t size) {
  if (int64_t(map.size()) != size) return false;
  for (int64_t i = 0; i < size; ++i)
    if (map[size_t(i)] != i) return false;
  return true;
}

template <class T>
void pick(const std::vector<int64_t>& from, const std::byte* x, std::byte* y) {
  const T* a = reinterpret_cast<const T*>(x);
  T* b = reinterpret_cast<T*>(y);
  for (size_t i = 0; i < from.size(); ++i) b[i] = a[from[i]];
}

}  // namespace

void fill_elements(std::byte* to, int64_t n, int64_t element, const std::byte* value) {
  const size_t bytes = size_t(n * element);
  if (bytes == 0) return;
  bool zero = true;
  for (int64_t i = 0; value && i < element; ++i) zero = zero && value[i] == std::byte{0};
  if (zero) {
    std::memset(to, 0, bytes);
    return;
  }
  std::memcpy(to, value, size_t(element));
  for (size_t done = size_t(element); done < bytes; done *= 2) std::memcpy(to + done, to, std::min(done, bytes - done));
}

MapCopy::MapCopy(const Sizes& x, std::vector<std::vector<int64_t>> maps, int64_t element)
    : element_(element), block_(element) {
  size_t last = maps.size();
  while (last > 0 && is_identity(maps[last - 1], x[last - 1])) block_ *= x[--last];
  if (last == 0) {  // nothing changes
    runs_ = {{0, 0, 1}};
    return;
  }
  const std::vector<int64_t>& map = maps[last - 1];
  row_ = int64_t(map.size());
  for (int64_t i = 0; i < row_; ++i) {
    const int64_t from = map[size_t(i)];
    if (!runs_.empty()) {
      Run& r = runs_.back();
      if (from < 0 ? r.from < 0 : r.from >= 0 && from == r.from + r.count) {
        ++r.count;
        continue;
      }
    }
    runs_.push_back({i, from, 1});
  }
  const bool filled = std::any_of(map.begin(), map.end(), [](int64_t i) { return i < 0; });
  if (!filled && block_ == element_ && element_ <= 8 && int64_t(runs_.size()) * 4 > row_) {
    gather_ = map;
    runs_.clear();
  }
  int64_t stride = block_ * x[last - 1];
  for (size_t a = last - 1; a-- > 0;) {
    for (int64_t& i : maps[a]) i = i < 0 ? -1 : i * stride;
    stride *= x[a];
    outer_ *= int64_t(maps[a].size());
  }
  maps.resize(last - 1);
  maps_ = std::move(maps);
}

size_t MapCopy::bytes() const {
  size_t n = sizeof(*this) + runs_.size() * sizeof(Run) + gather_.size() * 8;
  for (const auto& m : maps_) n += m.size() * 8;
  return n;
}

void MapCopy::make_row(const std::byte* x, std::byte* y, const std::byte* fill) const {
  if (!gather_.empty()) {
    switch (element_) {
      case 1:
        return pick<uint8_t>(gather_, x, y);
      case 2:
        return pick<uint16_t>(gather_, x, y);
      case 4:
        return pick<uint32_t>(gather_, x, y);
      default:
        return pick<uint64_t>(gather_, x, y);
    }
  }
  for (const Run& r : runs_) {
    std::byte* to = y + r.to * block_;
    if (r.from < 0)
      fill_elements(to, r.count * (block_ / element_), element_, fill);
    else
      std::memcpy(to, x + r.from * block_, size_t(r.count * block_));
  }
}

void MapCopy::rows(int64_t begin, int64_t end, const std::byte* x, std::byte* y, const std::byte* fill) const {
  const int64_t bytes = row_ * block_;
  int64_t before = -2;  // where the row before came from; -1: filled
  for (int64_t i = begin; i < end; ++i) {
    int64_t from = 0, rest = i;
    for (size_t a = maps_.size(); a-- > 0;) {
      const int64_t n = int64_t(maps_[a].size()), at = maps_[a][size_t(rest % n)];
      rest /= n;
      from = at < 0 || from < 0 ? -1 : from + at;
    }
    std::byte* to = y + i * bytes;
    if (from == before)
      std::memcpy(to, to - bytes, size_t(bytes));
    else if (from < 0)
      fill_elements(to, bytes / element_, element_, fill);
    else
      make_row(x + from, to, fill);
    before = from;
  }
}

void MapCopy::run(const std::byte* x, std::byte* y, const std::byte* fill, int threads) const {
  const int64_t bytes = row_ * block_;
  if (bytes == 0 || outer_ == 0) return;
  if (outer_ == 1 && runs_.size() == 1 && runs_[0].from >= 0) {  // one long copy
    parallel_for(bytes, 1 << 17, threads, [&](int64_t begin, int64_t end, int) {
      std::memcpy(y + begin, x + runs_[0].from * block_ + begin, size_t(end - begin));
    });
    return;
  }
  parallel_for(outer_, std::max<int64_t>(1, (1 << 16) / bytes), threads,
               [&](int64_t begin, int64_t end, int) { rows(begin, end, x, y, fill); });
}

}  // namespace neve::kernels::native
