// The products of Strassen's multiplication, for one level and for two.
#include "kernels/cpu/native/strassen.h"

namespace neve::kernels::native {
namespace {

std::vector<PartProduct> one_level() {
  return {{{{1, 0, 1}, {1, 1, 1}}, {{0, 0, 1}}, {{1, 0, 1}, {1, 1, -1}}},
          {{{0, 0, 1}, {1, 1, 1}}, {{0, 0, 1}, {1, 1, 1}}, {{0, 0, 1}, {1, 1, 1}}},
          {{{0, 0, 1}}, {{0, 1, 1}, {1, 1, -1}}, {{0, 1, 1}, {1, 1, 1}}},
          {{{1, 1, 1}}, {{1, 0, 1}, {0, 0, -1}}, {{0, 0, 1}, {1, 0, 1}}},
          {{{0, 0, 1}, {0, 1, 1}}, {{1, 1, 1}}, {{0, 1, 1}, {0, 0, -1}}},
          {{{1, 0, 1}, {0, 0, -1}}, {{0, 0, 1}, {0, 1, 1}}, {{1, 1, 1}}},
          {{{0, 1, 1}, {1, 1, -1}}, {{1, 0, 1}, {1, 1, 1}}, {{0, 0, 1}}}};
}

std::vector<Part> inside(const std::vector<Part>& outer, const std::vector<Part>& inner) {
  std::vector<Part> all;
  for (const Part& o : outer)
    for (const Part& i : inner) all.push_back({2 * o.row + i.row, 2 * o.column + i.column, o.sign * i.sign});
  return all;
}

std::vector<PartProduct> nested(const std::vector<PartProduct>& outer, const std::vector<PartProduct>& inner) {
  std::vector<PartProduct> all;
  for (const PartProduct& o : outer)
    for (const PartProduct& i : inner) all.push_back({inside(o.a, i.a), inside(o.b, i.b), inside(o.c, i.c)});
  return all;
}

}  // namespace

const std::vector<PartProduct>& part_products(int levels) {
  static const std::vector<PartProduct> by_level[] = {
      {{{{0, 0, 1}}, {{0, 0, 1}}, {{0, 0, 1}}}}, one_level(), nested(one_level(), one_level())};
  return by_level[levels];
}

}  // namespace neve::kernels::native
