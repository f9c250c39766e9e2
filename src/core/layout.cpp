// Text and size of memory layouts.
#include "core/layout.h"

#include <charconv>

#include "base/error.h"

namespace neve {
namespace {

constexpr int max_axes = 12;  // as oneDNN
constexpr int32_t max_block = 1 << 20;

bool has_blocks(const Layout& l, int axis) {
  for (const Layout::Block& b : l.blocks)
    if (b.axis == axis) return true;
  return false;
}

/// order is a permutation of 0..n-1 and every block divides one of these axes.
bool valid(const Layout& l) {
  uint32_t seen = 0;
  for (int8_t axis : l.order) {
    if (axis < 0 || axis >= int8_t(l.order.size()) || (seen >> axis & 1)) return false;
    seen |= 1u << axis;
  }
  return true;
}

}  // namespace

std::string to_string(const Layout& l) {
  if (l.plain()) return "plain";
  std::string s;
  for (int8_t axis : l.order) s += char((has_blocks(l, axis) ? 'A' : 'a') + axis);
  for (const Layout::Block& b : l.blocks) s += str(b.size, char('a' + b.axis));
  return s;
}

bool parse_layout(std::string_view text, Layout& out) {
  out = {};
  if (text == "plain") return true;
  Layout l;
  uint32_t blocked = 0, divided = 0;
  size_t i = 0;
  for (; i < text.size() && l.order.size() < max_axes; ++i) {
    const char c = text[i];
    const int axis = c >= 'a' && c < 'a' + max_axes ? c - 'a' : c >= 'A' && c < 'A' + max_axes ? c - 'A' : -1;
    if (axis < 0) break;
    if (c < 'a') blocked |= 1u << axis;
    l.order.push_back(int8_t(axis));
  }
  if (l.order.empty() || !valid(l)) return false;
  while (i < text.size()) {
    int32_t size = 0;
    const auto [end, status] = std::from_chars(text.data() + i, text.data() + text.size(), size);
    i = size_t(end - text.data());
    if (status != std::errc() || size < 2 || size > max_block || i == text.size()) return false;
    const int axis = text[i++] - 'a';
    if (axis < 0 || axis >= int(l.order.size())) return false;
    divided |= 1u << axis;
    l.blocks.push_back({axis, size});
  }
  if (blocked != divided) return false;
  out = std::move(l);
  return true;
}

int64_t padded_elements(const Layout& l, const int64_t* sizes, size_t rank) {
  int64_t n = 1;
  for (size_t axis = 0; axis < rank; ++axis) {
    int64_t block = 1, whole;
    for (const Layout::Block& b : l.blocks)
      if (b.axis == int32_t(axis)) block *= b.size;
    const int64_t pieces = sizes[axis] / block + (sizes[axis] % block != 0);
    if (__builtin_mul_overflow(pieces, block, &whole) || __builtin_mul_overflow(n, whole, &n))
      fail(ErrorCode::invalid_argument, "layout: ", l, " takes more elements than 64 bits hold");
  }
  return n;
}

}  // namespace neve
