// The layout of images that convolutions of several kinds take.
#pragma once
#include "core/layout.h"

namespace neve::kernels {

/// Batch, spatial axes, channels.
inline Layout channels_last(size_t rank) {
  Layout l;
  l.order.push_back(0);
  for (size_t a = 2; a < rank; ++a) l.order.push_back(int8_t(a));
  l.order.push_back(1);
  return l;
}

}  // namespace neve::kernels
