// Capture as eager execution sees it: while a thread captures a program, its operations go to a Stager instead of
// running. The Stager lies above this layer.
#pragma once
#include <neve/tensor.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor_hooks.h"
#include "op/builder.h"
#include "op/def.h"

namespace neve {

/// What a tensor of a program that is being captured stands for. Tensors that share this are one tensor: a change in
/// place gives it another value.
struct CapturedValue {
  uint64_t capture = 0;  ///< which capture made it
  uint64_t frame = 0;    ///< in which region of it the value is
  Value value;
  uint64_t version = 0;
  std::shared_ptr<CapturedValue> base;  ///< of a result that shares memory with its operand when it runs at once
  uint64_t base_version = 0;
  const OpDef* view = nullptr;  ///< how it is taken from the base, so that changes can be put back there
  Attrs attrs;
  std::vector<Tensor> others;  ///< operands after the base
  uint64_t born = 0;           ///< the region that it was made in, when changes in place have moved it to another
  /// What a result of a branch or loop may show, by what ran.
  struct MayShow {
    Tensor root;    ///< no view
    Tensor flag;    ///< bool[]: whether it does
    Tensor places;  ///< i64 [n]: where its elements are in the root's; undefined: they are the root's, in its order
    bool unclear = false;   ///< it may or may not share memory: nothing of it may be changed in place
    uint64_t version = 0;   ///< of the root, as it was when this was made of it
    bool partial = false;   ///< places may be -1: elements that are not the root's
    bool repeated = false;  ///< several elements may be in one place
  };
  std::vector<MayShow> may_show;
  bool shared = false;  ///< another variable shares the memory in a way that is not followed: no changes in place
  bool listed = false;  ///< a list that is held as one tensor has a copy of it: no changes in place
};

namespace eager {

class Stager {
 public:
  virtual ~Stager() = default;
  /// An op whose operands may be tensors of the program or any others.
  virtual std::vector<Tensor> call(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) = 0;
  /// An op whose elements are those of operand 0 at some places, with which it shares memory when it runs at once.
  virtual Tensor view(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) = 0;
  /// x goes on as `value`, which has its dtype.
  virtual void assign(const Tensor& x, const Tensor& value, const char* op) = 0;
  virtual Tensor contiguous(const Tensor& t) = 0;
  virtual TensorType type(const Tensor& t) = 0;
  virtual std::string describe(const Tensor& t) = 0;
  /// (key, counter) of the next draw of the process's generator, as inputs of the program.
  virtual std::pair<Tensor, Tensor> draw() = 0;
};

/// That of this thread; null: operations run.
Stager* stager();
/// Returns the one before.
Stager* set_stager(Stager* s);

struct Index;
/// x[index] and x[index] = value in terms of ops.
Tensor get_item_staged(const Tensor& x, std::span<const Index> index);
void set_item_staged(const Tensor& x, std::span<const Index> index, const Tensor& value);

}  // namespace eager
}  // namespace neve
