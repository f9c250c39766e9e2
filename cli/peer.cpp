// The peer's process: a small Python program that answers one JSON line for each line it gets.
#include "peer.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli.h"

namespace neve::cli {
using nlohmann::json;

namespace {

constexpr const char* program = R"(
import json, sys, time
reply = sys.stdout
sys.stdout = sys.stderr
def answer(**values):
    reply.write(json.dumps(values) + "\n")
    reply.flush()
try:
    import numpy
    import onnxruntime
except ImportError as error:
    answer(missing=str(error))
    sys.exit(0)
feed = first = None
for line in sys.stdin:
    ask = json.loads(line)
    try:
        if "model" in ask:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = ask["threads"]
            options.inter_op_num_threads = 1
            session = onnxruntime.InferenceSession(ask["model"], options, providers=["CPUExecutionProvider"])
            answer(name="onnxruntime " + onnxruntime.__version__)
        elif "inputs" in ask:
            feed = {name: numpy.load(path) for name, path in ask["inputs"].items()}
            start = time.perf_counter()
            session.run(None, feed)
            first = (time.perf_counter() - start) * 1e3
            answer(ok=True)
        else:
            for _ in range(2):
                session.run(None, feed)
            times, begin = [], time.perf_counter()
            while len(times) < 5 or (time.perf_counter() - begin < ask["seconds"] and len(times) < 100000):
                start = time.perf_counter()
                session.run(None, feed)
                times.append((time.perf_counter() - start) * 1e3)
            answer(first=first, times=times)
    except Exception as error:
        answer(error=type(error).__name__ + ": " + str(error))
)";

}  // namespace

Peer::Peer(const std::string& python, const std::string& model, int threads) {
  const char* named = std::getenv("NEVE_PEERS_PYTHON");
  python_ = !python.empty() ? python : named && *named ? named : "python3";
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0) fail(ErrorCode::io, "bench: no pipe: ", std::strerror(errno));
  if (::pipe2(out, O_CLOEXEC) != 0) fail(ErrorCode::io, "bench: no pipe: ", std::strerror(errno));
  std::signal(SIGPIPE, SIG_IGN);  // a peer that died is an answer, not our end
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  std::string args[] = {python_, "-c", program};
  char* argv[] = {args[0].data(), args[1].data(), args[2].data(), nullptr};
  sigset_t none;  // we hold signals back from our threads, and a process inherits that
  sigemptyset(&none);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int error = ::posix_spawnp(&pid_, python_.c_str(), &actions, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  to_ = ::fdopen(in[1], "w");
  from_ = ::fdopen(out[0], "r");
  if (error != 0) pid_ = -1;
  try {
    if (error != 0)
      fail(ErrorCode::not_found, "bench: --compare onnxruntime: '", python_, "' does not start: ", std::strerror(error),
           " (--python PATH or NEVE_PEERS_PYTHON names a Python that has onnxruntime)");
    name_ = json::parse(ask(json{{"model", model}, {"threads", threads}}.dump())).at("name");
    std::string folder = (std::filesystem::temp_directory_path() / "neve-bench-XXXXXX").string();
    if (!::mkdtemp(folder.data())) fail(ErrorCode::io, "bench: '", folder, "': ", std::strerror(errno));
    folder_ = folder;
  } catch (...) {
    close();
    throw;
  }
}

Peer::~Peer() { close(); }

void Peer::close() {
  if (to_) std::fclose(to_);  // its input ends, so it ends
  if (from_) std::fclose(from_);
  to_ = from_ = nullptr;
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  folder_.clear();
}

std::string Peer::ask(const std::string& line) {
  std::fprintf(to_, "%s\n", line.c_str());
  std::fflush(to_);
  std::string text;
  for (int c; (c = std::fgetc(from_)) != EOF && c != '\n';) text += char(c);
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object())
    fail(ErrorCode::io, "bench: --compare onnxruntime: '", python_, "' ended without an answer (its words are above)");
  if (j.contains("missing"))
    fail(ErrorCode::not_found, "bench: --compare onnxruntime: '", python_,
         "' has no onnxruntime: ", j["missing"].get<std::string>(),
         " (--python PATH or NEVE_PEERS_PYTHON names a Python that has it)");
  if (j.contains("error"))
    fail(ErrorCode::unsupported, "bench: --compare onnxruntime: ", j["error"].get<std::string>());
  return text;
}

void Peer::set_inputs(const std::vector<PortInfo>& ports, const std::vector<Tensor>& in) {
  json files = json::object();
  for (size_t i = 0; i < in.size(); ++i) {
    const std::string path = str(folder_, "/", i, ".npy");
    write_npy(path, in[i]);
    files[ports[i].name] = path;
  }
  ask(json{{"inputs", files}}.dump());
}

void Peer::time_runs(double seconds, double& first, std::vector<double>& ms) {
  const json j = json::parse(ask(json{{"seconds", seconds}}.dump()));
  first = j.at("first");
  for (const json& t : j.at("times")) ms.push_back(t);
}

}  // namespace neve::cli
