// How a tensor lies in memory: row-major, permuted, or blocked. Only compile, plan and kernels know of layouts.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/small_vector.h"
#include "core/dim.h"

namespace neve {

/// The outer dims in `order` (outermost first), each divided by the blocks of its axis (rounded up), then the inner
/// blocks in sequence. nChw16c: order {0,1,2,3}, blocks {{1,16}}; NHWC: order {0,2,3,1}. Padding elements are zero.
struct Layout {
  struct Block {
    int32_t axis, size;
    friend bool operator==(const Block&, const Block&) = default;
  };
  SmallVector<int8_t, 6> order;  ///< empty: row-major
  SmallVector<Block, 2> blocks;  ///< innermost last
  bool plain() const { return order.empty() && blocks.empty(); }
  friend bool operator==(const Layout&, const Layout&) = default;
};
std::string to_string(const Layout& l);  ///< "plain", "nhwc"-like letters: "aBcd16b", "acdb" (oneDNN's notation)
/// Reads to_string's text. Returns false for anything else.
bool parse_layout(std::string_view text, Layout& out);
/// Elements that a tensor of these sizes takes, padding included.
int64_t padded_elements(const Layout& l, const int64_t* sizes, size_t rank);

}  // namespace neve
