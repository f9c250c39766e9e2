// What gradients of data movement share.
#include "ops/support/gradients.h"

#include "op/def.h"

namespace neve::ops {

Value scatter_add_axis(Builder& b, Value x, Value index, int64_t axis, Value like) {
  const int64_t rank = b.rank(like);
  std::vector<int64_t> front = {axis};
  std::vector<int64_t> back(static_cast<size_t>(rank));
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis) front.push_back(i);
  for (size_t i = 0; i < front.size(); ++i) back[size_t(front[i])] = int64_t(i);
  Value zeros = zeros_like(b, like);
  if (axis) zeros = b.call("transpose", {zeros}, {{"perm", front}}), x = b.call("transpose", {x}, {{"perm", front}});
  const Value rows = b.call("unsqueeze", {index}, {{"axes", std::vector<int64_t>{1}}});
  const Value y = b.call("scatter_nd", {zeros, rows, x}, {{"reduction", std::string("add")}});
  return axis ? b.call("transpose", {y}, {{"perm", back}}) : y;
}

}  // namespace neve::ops
