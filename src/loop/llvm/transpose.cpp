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
  const auto source = [&](Value* r, Value* l) {
    return e.offset(e.b.CreateGEP(t.type, t.source, r), e.b.CreateMul(l, t.lane_stride));
  };
  const auto target = [&](Value* r, Value* l) {
    return e.b.CreateGEP(t.type, t.target, e.b.CreateAdd(e.b.CreateMul(r, e.i64(t.pitch)), l));
  };
  const auto one = [&](Value* r, Value* l) {
    e.b.CreateAlignedStore(e.b.CreateAlignedLoad(t.type, source(r, l), align), target(r, l), align);
  };
  // Whole blocks; the last one overlaps the one before it. A side shorter than a block goes element by element.
  Value* size = e.i64(n);
  Value* whole = e.b.CreateAnd(e.b.CreateICmpSGE(t.rows, size), e.b.CreateICmpSGE(t.lanes, size));
  const auto last = [&](Value* i, Value* end) {
    return e.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, i, e.b.CreateSub(end, size));
  };
  e.branch(
      whole,
      [&] {
        e.loop(e.i64(0), t.lanes, n, [&](Value* at_lane) {
          Value* l = last(at_lane, t.lanes);
          e.loop(e.i64(0), t.rows, n, [&](Value* at_row) {
            Value* r = last(at_row, t.rows);
            std::vector<Value*> v;
            for (unsigned i = 0; i < n; ++i)
              v.push_back(e.b.CreateAlignedLoad(row, source(r, e.b.CreateAdd(l, e.i64(i))), align));
            transpose(e, v);
            for (unsigned i = 0; i < n; ++i) e.b.CreateAlignedStore(v[i], target(e.b.CreateAdd(r, e.i64(i)), l), align);
          });
        });
      },
      [&] {
        e.loop(e.i64(0), t.lanes, 1, [&](Value* l) { e.loop(e.i64(0), t.rows, 1, [&](Value* r) { one(r, l); }); });
      });
}

}  // namespace neve::loop
