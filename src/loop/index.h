// Index expressions: how the elements of a value are reached from the axes of a loop nest.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/dim.h"

namespace neve::loop {

/// An axis of the nest under construction.
struct SpaceAxis {
  Dim extent;
  Dim offset = 0;     ///< where its range starts (parts of a concatenation)
  Dim full = extent;  ///< extent before it was cut
};

struct IndexTerm {
  int axis = -1;
  Dim coefficient = 1;
  bool conditional = false;  ///< counts only where `size` is not 1
  Dim size = 0;
  bool operator==(const IndexTerm&) const = default;
};

/// The index along one axis of a value: a sum over axes of the nest, a constant, and numbers read from elsewhere.
struct Index {
  std::vector<IndexTerm> terms;  ///< distinct axes, ascending
  Dim constant = 0;
  struct Read {
    int instance = -1;  ///< the value that is the index
    Dim extent = 0;     ///< of the axis that it indexes
    Dim scale = 1;      ///< by which it is multiplied: the step of a slice
    bool operator==(const Read&) const = default;
  };
  std::optional<Read> read;
  bool operator==(const Index&) const = default;
  bool zero() const { return terms.empty() && constant.is(0) && !read; }
};
using Map = std::vector<Index>;  ///< one per axis of a value

Index index_of(const SpaceAxis& a, int number);
Index operator*(const Index& a, Dim by);
/// Sum; nothing where it is not one expression (two reads, unlike conditions on one axis).
std::optional<Index> sum(const Index& a, const Index& b);

/// Axis `axis` must become several, with these extents (outermost first), for the piece to be affine.
struct Refine {
  int axis = -1;
  std::vector<Dim> extents;
};

/// Indices into a shape from those into another shape of as many elements (row-major): the map of a reshape, from
/// result to operand.
struct Reshaped {
  Map map;
  std::optional<Refine> refine;  ///< refine this axis and start again
  std::string problem;           ///< or: why it cannot be
};
Reshaped reshape_map(const Map& result, const Shape& result_shape, const Shape& operand_shape,
                     const std::vector<SpaceAxis>& axes);

/// Row-major strides.
Shape row_major(const Shape& shape);
/// Whether a * b == product is provable for some b, which is returned.
std::optional<Dim> exact_quotient(Dim product, Dim a);

}  // namespace neve::loop
