// The table of all ops, and the nearest names for a name that is not in it.
#include "op/registry.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>

namespace neve {
namespace {

// Immutable once published; register_op publishes a new one and keeps the old ones alive, so look-ups take no lock.
struct Table {
  std::vector<const OpDef*> sorted;
  std::unordered_map<std::string_view, const OpDef*> by_name;
  void add(const OpDef* op) {
    if (!by_name.emplace(op->info.name, op).second)
      fail(ErrorCode::invalid_argument, "register_op: the name '", op->info.name, "' is taken (choose another)");
    sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), op,
                                   [](const OpDef* a, const OpDef* b) { return a->info.name < b->info.name; }),
                  op);
  }
};

std::atomic<const Table*>& current() {
  static std::atomic<const Table*> table = [] {
    static Table first;
    for_each_op([](std::string_view, const OpDef* op) { first.add(op); });
    return &first;
  }();
  return table;
}
const Table& table() { return *current().load(std::memory_order_acquire); }

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t next = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = row[j];
      row[j] = next;
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view name) {
  std::vector<std::pair<size_t, std::string_view>> found;
  for (const OpDef* op : table().sorted) {
    const std::string_view other = op->info.name;
    const bool part = name.size() >= 3 && (other.find(name) != other.npos || name.find(other) != name.npos);
    const size_t distance = part ? 1 : edit_distance(name, other);
    if (distance <= std::max<size_t>(1, name.size() / 3)) found.emplace_back(distance, other);
  }
  std::sort(found.begin(), found.end());
  std::string text;
  for (size_t i = 0; i < found.size() && i < 3; ++i) text += (i ? ", " : "") + std::string(found[i].second);
  return text;
}

}  // namespace

const OpDef* find_op_or_null(std::string_view name) {
  const auto& names = table().by_name;
  const auto it = names.find(name);
  return it == names.end() ? nullptr : it->second;
}

const OpDef& find_op(std::string_view name) {
  if (const OpDef* op = find_op_or_null(name)) return *op;
  const std::string near = nearest(name);
  fail(ErrorCode::not_found, "find_op: no op is named '", name, "'", near.empty() ? "" : " (nearest: " + near + ")");
}

const std::vector<const OpDef*>& all_ops() { return table().sorted; }

void register_op(const OpDef* op) {
  static std::mutex mutex;
  static std::vector<std::unique_ptr<const Table>> made;
  const std::lock_guard lock(mutex);
  auto next = std::make_unique<Table>(table());
  next->add(op);
  current().store(next.get(), std::memory_order_release);
  made.push_back(std::move(next));
}

}  // namespace neve
