// A capture: what a program does with tensors of this thread, as a graph. Sizes stay symbols; whatever becomes a plain
// number or a decision is kept with its place in the source, or refused.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/threads.h"
#include "eager/stage.h"
#include "ir/graph.h"

namespace neve::capture {

/// A decision that was taken about sizes because the example's sizes said so; the graph has it as a constraint.
struct Guard {
  Constraint relation;
  std::string location;  ///< "model.py:41"
};

/// A tensor from outside (a buffer such as a running mean) that the program changed: the graph has its old value as an
/// input and its new value as an output.
struct State {
  Tensor tensor;
  std::string name;
  size_t input = 0, output = 0;  ///< positions in the graph
};

/// Another tensor from outside, as it was seen.
struct Seen {
  Tensor tensor;
  std::string weight;    ///< name in Program::weights; "" for one that became a constant
  uint64_t version = 0;  ///< of its bytes
};

struct Program {
  ir::Graph graph;
  std::shared_ptr<ir::Weights> weights;  ///< share the bytes of the tensors they were
  std::vector<Guard> guards;
  std::vector<State> states;
  std::vector<Seen> seen;
  /// Inputs that the program changed in place, by their number in input(): new values are outputs from `first_changed`.
  std::vector<size_t> changed_inputs;
  size_t first_changed = 0;
};

/// From construction to finish() or destruction, all operations on tensors in this thread become nodes. Not copyable;
/// captures nest.
class Capture final : public eager::Stager {
 public:
  Capture();
  ~Capture() override;
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  /// An input. `example`: sizes that it has now; they decide what no proof can.
  Tensor input(const std::string& name, const TensorType& type, const Sizes& example);
  /// What a tensor from outside is called, if the program uses it; with a number after it where that is taken.
  void name(const Tensor& t, const std::string& name);
  /// An i64 vector of sizes, or one size as a scalar.
  Tensor dims(std::span<const Dim> d);
  Tensor dim(Dim d);
  /// Whether the relation (equal or at_least) holds: by proof, else by the examples, which makes a guard.
  /// @throws Error{unsupported} for a size that is known only while running
  bool decide(Constraint::Kind relation, Dim a, Dim b);
  int64_t number(Dim d);  ///< its example's value; makes a guard
  /// Takes over a relation that must hold: nothing where it is proven, else a guard.
  /// @throws Error{shape_mismatch} where it does not hold, by proof or for the examples
  void require(const Constraint& c);
  /// A node with regions that are made with a Builder.
  std::vector<Tensor> emit(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in,
                           std::span<const RegionFn> regions);
  /// The content of a tensor that follows from constants alone; undefined where it depends on inputs, weights or
  /// buffers, or has more than 65536 elements.
  Tensor known(const Tensor& t);
  /// A tensor that the program made itself, from numbers.
  Tensor constant(const Tensor& t);
  /// What happens in a region: from its parameters (those of the op that change from call to call) to its results.
  using Body = std::function<std::vector<Tensor>(std::span<const Tensor> parameters)>;
  /// An `if` whose ways give results. `follow`: as for close. @throws as loop
  std::vector<Tensor> branch(const Tensor& condition, std::span<const Body> bodies, bool follow = true);
  using Axis = std::pair<size_t, size_t>;  ///< of a carried value or parameter, by their numbers
  /// A `loop`. fixed: trip count or undefined, condition, carried values; the body gives the condition and the values
  /// of the next pass. It runs until it does nothing new, the last time for good; what it changes in place of tensors
  /// from outside becomes a result too. `open`: sizes of carried values that are known to differ from pass to pass.
  /// `last`: as for close. @throws Error of the ops; Error{unsupported} where a tensor leaves its region otherwise
  std::vector<Tensor> loop(std::span<const Tensor> fixed, const Body& body, std::span<const Axis> open = {},
                           std::span<const size_t> last = {});
  /// A copy of t goes into a list that is held as one tensor: t is not to be changed in place after that.
  void note_listed(const Tensor& t);
  /// Whether rows of such lists and the tensors that they are follow each other's changes in place; else note_listed.
  void follow_lists() { follows_lists_ = true; }
  bool follows_lists() const { return follows_lists_; }
  /// Whether a tensor of such a list was changed in place while changes were not followed.
  bool met_listed() const { return met_listed_; }
  enum class Part { separate, shown };
  /// `whole` is what these hold, one after another: it shows them, but for what is separate.
  void relate_rows(const Tensor& whole, std::span<const Tensor> parts, std::span<const Part> kinds);
  /// The value of t as a tensor of its own: what shows memory elsewhere is no matter of it.
  Tensor unrelated(const Tensor& t) { return wrap(value_of(t)); }
  /// A branch that has run, whose results are not yet said.
  struct Branch;
  /// Runs a body as a branch of an `if` to come; then all is as before it.
  std::shared_ptr<Branch> open(const Body& body);
  /// Emits the `if`. `ends`: run once more inside of each branch, after what it did, and give its results. `follow`:
  /// results may share memory with other tensors; changes in place go both ways. `last`: results that a function
  /// returns: what it shares with its own variables alone is no matter any more when it is read.
  std::vector<Tensor> close(const Tensor& condition, std::span<const std::shared_ptr<Branch>> branches,
                            std::span<const Body> ends, bool follow = true, std::span<const size_t> last = {});
  /// Runs a body in a region that is thrown away, with parameters of the types of `like`, where these axes (parameter,
  /// axis) have any size: nothing of it stays.
  void probe(std::span<const Tensor> like, std::span<const Axis> open, const Body& body);
  /// Whether the size can be computed here: its symbols are sizes of values that exist at this place.
  bool is_stated(Dim d) const;
  /// Whether the examples say what the size is: not one that is known only while the program runs.
  bool has_example(Dim d) const;
  /// Types of the inputs so far, and what is known of their sizes.
  std::vector<TensorType> input_types() const;
  const std::vector<Constraint>& relations() const { return graph_.constraints; }
  /// Regions that are open: 0 at the top.
  size_t depth() const { return frames_.size() - 1; }
  /// Ends the capture. @throws Error{unsupported} for an output that belongs to another capture
  Program finish(std::span<const Tensor> outputs, std::span<const std::string> names);

  // Stager
  std::vector<Tensor> call(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) override;
  Tensor view(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) override;
  void assign(const Tensor& x, const Tensor& value, const char* op) override { assign(x, value, op, {}); }
  Tensor contiguous(const Tensor& t) override;
  TensorType type(const Tensor& t) override;
  std::string describe(const Tensor& t) override;
  std::pair<Tensor, Tensor> draw() override { return draw(1); }
  /// (key, counter) for so many draws, one after another: the inputs "random.0.key" and "random.0.counter".
  /// @throws Error{unsupported} inside of a region
  std::pair<Tensor, Tensor> draw(int64_t count);
  int64_t draws() const { return draws_; }  ///< so far

 private:
  struct Lifted {
    Tensor tensor;
    Value first;
    std::shared_ptr<CapturedValue> now;
    std::string name;
    uint64_t version = 0;
    bool weight = false, changed = false;
    bool buffer = false;  ///< named, neither weight nor constant: an input until the end says otherwise
  };
  /// A change in place of what is from outside of a region.
  struct Change {
    std::shared_ptr<CapturedValue> what;
    uint64_t frame;
    Value value;
    uint64_t version, base_version;
    std::vector<uint64_t> shown;  ///< versions of what it may show
    static Change of(const std::shared_ptr<CapturedValue>& c);
    void restore() const;
  };
  /// The graph at the top, or a region that is being made.
  struct Frame {
    uint64_t serial = 0;
    ir::Graph* graph = nullptr;
    std::map<std::pair<uint64_t, uint32_t>, Value> in;  ///< what is from outside, by frame and value
    std::vector<Value> taken;                           ///< of the frame below, in the order of the parameters
    std::vector<Value> sources;                         ///< values that state a symbol
    std::set<uint32_t> stated;                          ///< symbols that a size of a source gives
    std::vector<Dim> composite;                         ///< sizes of sources that give no symbol: broadcast(n, m)
    std::vector<Change> changes;
    std::map<uint32_t, Tensor> evaluated;  ///< by value; undefined: depends on more than constants
  };
  void push(Frame f);
  Frame pop();  ///< what was changed of outer tensors is as before
  Frame& top() { return frames_.back(); }
  ir::Graph& graph() { return *frames_.back().graph; }
  Value value_of(const Tensor& t);
  std::vector<Tensor> call(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, bool view);
  Value value_in(const CapturedValue& c, size_t frame);
  Value stop_gradient(Value v);
  Value import(size_t frame, Value below);
  Tensor evaluated(Value v);
  Lifted& lift(const Tensor& t);
  Tensor wrap(Value v, std::shared_ptr<CapturedValue> base = {});
  void change(const std::shared_ptr<CapturedValue>& c, Value v);
  void note_sources(size_t frame, Value v);
  void require_sources(std::span<const Dim> d);
  void locate();
  Value equal_types(Value v, const TensorType& as, const char* op);
  std::vector<Tensor> run_body(const Body& body, ir::Graph& g, std::span<const Value> own,
                               std::span<const std::shared_ptr<CapturedValue>> carried,
                               FunctionRef<void(std::vector<Tensor>&)> end);

  uint64_t id_;
  bool records_;  ///< gradients were recorded where the capture began
  ir::Graph graph_;
  using MayShow = CapturedValue::MayShow;
  Tensor handle_of(const std::shared_ptr<CapturedValue>& c);
  std::shared_ptr<CapturedValue> captured_of(const Tensor& t);
  Tensor where(const Tensor& flag, std::span<const Body, 2> ways);
  Tensor places_of(const std::shared_ptr<CapturedValue>& c);
  /// Whose memory t shows or may show: itself, or what it is a view of, first. Without a flag: always.
  std::vector<MayShow> relations(const Tensor& t);
  void refresh_shown(const Tensor& t);
  MayShow common(const Tensor& root, const MayShow& owner, const MayShow& user);
  MayShow united(std::span<const MayShow> all, const Tensor& t);
  Tensor written_in(const MayShow& m, const Tensor& written);
  void change_shown(const Tensor& x, const char* op, const Tensor& written);
  void assign(const Tensor& x, const Tensor& value, const char* op, const Tensor& written);
  void require_own(const Tensor& x, const char* op);
  bool is_outer(const CapturedValue& c) const;
  struct Link;
  struct Ending;
  using Users = std::vector<std::pair<size_t, MayShow>>;                      ///< results, and what they show
  using Between = std::map<std::pair<size_t, size_t>, std::vector<MayShow>>;  ///< result, and that which it shows
  void relate(const Users& users, Between& between, std::set<size_t>& shared);
  /// `outside`: no region ends; these are what one begins with.
  Ending ending_of(std::span<const Tensor> results, bool outside, std::span<const size_t> last = {});
  static Values values_of(std::span<const Link> links, const Ending& end, ir::Graph& g, bool begins = false);
  void attach(const Ending& links, std::span<const Tensor> made, size_t own);
  std::vector<Tensor> results_of(std::span<const Value> out, size_t own,
                                 std::span<const std::shared_ptr<CapturedValue>> changed, const Ending& links);
  void write_view(const Tensor& view, const Tensor& value, const Tensor& written);
  void refresh(const Tensor& view);
  static bool is_stale(const CapturedValue& c);
  std::vector<std::shared_ptr<CapturedValue>> inputs_;
  size_t changed_count_ = 0;  ///< of lifted tensors
  size_t arguments_ = 0;      ///< inputs that come first, before buffers and keys
  std::vector<Frame> frames_;
  std::deque<Lifted> lifted_;  ///< as the program came to them: the order of weights and states
  std::map<std::vector<int64_t>, Lifted*> lifted_at_;
  std::map<std::vector<int64_t>, std::pair<std::string, Tensor>> names_;
  std::set<std::string> names_taken_;
  std::map<uint32_t, int64_t> examples_;  ///< by symbol
  std::vector<Guard> guards_;
  eager::Stager* before_ = nullptr;
  bool ended_ = false;
  bool follows_lists_ = false, met_listed_ = false;
  std::set<const CapturedValue*> refreshed_, changed_;  ///< whose relations are being followed now
  std::pair<Tensor, Tensor> random_;                    ///< key and counter of the first draw
  int64_t draws_ = 0;
};

struct Capture::Branch {
  std::unique_ptr<ir::Graph> graph;
  Frame frame;
  std::vector<Change> after;  ///< per change of the frame: the new state
};

/// A number that was never given before.
uint64_t next_id();

/// Where the caller is in its source, "model.py:41"; "" where it is unknown.
std::string here();

/// That of this thread. @throws Error{invalid_argument} where nothing is captured
Capture& current(const char* call);
/// Null where nothing is captured.
Capture* current_or_null();

}  // namespace neve::capture
