// Transposes a block in registers.
#include "loop/llvm/transpose.h"

#include <algorithm>
#include <vector>

namespace neve::loop {
namespace {

using llvm::Value;

/// v[i][k] becomes v[k][i]: log2(n) rounds, each exchanges blocks between pairs of vectors.
void transpose(const Emit& e, std::vector<Value*>& v) {
  const unsigned n = unsigned(v.size());
  for (unsigned s = 1; s < n; s *= 2) {
    llvm::SmallVector<int, 16> low, high;
    for (unsigned k = 0; k < n; ++k) {
      low.push_back(int(k & s ? n + k - s : k));
      high.push_back(int(k & s ? n + k : k + s));
    }
    for (unsigned i = 0; i < n; ++i) {
      if (i & s) continue;
      Value *a = v[i], *b = v[i + s];
      v[i] = e.b.CreateShuffleVector(a, b, low);
      v[i + s] = e.b.CreateShuffleVector(a, b, high);
    }
  }
}

}  // namespace

void emit_tile(const Emit& e, const TileCopy& t) {
  const unsigned register_bytes = e.isa == Isa::avx512 ? 64 : e.isa == Isa::avx2 ? 32 : 16;
  const unsigned n = std::min(16u, std::max(2u, register_bytes / unsigned(t.element)));
  llvm::Type* row = Emit::vec(t.type, n);
  const llvm::Align align{uint64_t(t.element)};
  const auto source = [&](Value* r, Value* l) { return e.offset(e.b.CreateGEP(t.type, t.source, r), e.b.CreateMul(l, t.lane_stride)); };
  const auto target = [&](Value* r, Value* l) { return e.b.CreateGEP(t.type, t.target, e.b.CreateAdd(e.b.CreateMul(r, e.i64(t.pitch)), l)); };
  const auto one = [&](Value* r, Value* l) { e.b.CreateAlignedStore(e.b.CreateAlignedLoad(t.type, source(r, l), align), target(r, l), align); };
  Value* full_rows = e.b.CreateAnd(t.rows, e.i64(-int64_t(n)));
  Value* full_lanes = e.b.CreateAnd(t.lanes, e.i64(-int64_t(n)));
  e.loop(e.i64(0), full_lanes, n, [&](Value* l) {
    e.loop(e.i64(0), full_rows, n, [&](Value* r) {
      std::vector<Value*> v;
      for (unsigned i = 0; i < n; ++i) v.push_back(e.b.CreateAlignedLoad(row, source(r, e.b.CreateAdd(l, e.i64(i))), align));
      transpose(e, v);
      for (unsigned i = 0; i < n; ++i) e.b.CreateAlignedStore(v[i], target(e.b.CreateAdd(r, e.i64(i)), l), align);
    });
    e.loop(full_rows, t.rows, 1, [&](Value* r) {
      e.loop(e.i64(0), e.i64(n), 1, [&](Value* i) { one(r, e.b.CreateAdd(l, i)); });
    });
  });
  e.loop(full_lanes, t.lanes, 1, [&](Value* l) { e.loop(e.i64(0), t.rows, 1, [&](Value* r) { one(r, l); }); });
}

}  // namespace neve::loop
