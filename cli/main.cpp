// The neve command: optimize, run, bench, inspect, cache.
#include <neve/neve.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "base/error.h"
#include "base/interrupt.h"
#include "cli.h"

int main(int argc, char** argv) {
  CLI::App app{"Neve: a saved model in, a checked, fast engine with dynamic shapes out", "neve"};
  app.set_version_flag("--version", neve::version());
  app.require_subcommand(1);
  int status = 0;
  neve::cli::add_optimize(app, status);
  neve::cli::add_run(app, status);
  neve::cli::add_bench(app, status);
  neve::cli::add_inspect(app, status);
  neve::cli::add_cache(app, status);
  // A file that may not grow further is an error with words, not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  std::string names;
  bool known = argc < 2 || argv[1][0] == '-';
  for (const CLI::App* c : app.get_subcommands([](const CLI::App*) { return true; })) {
    names += (names.empty() ? "" : ", ") + c->get_name();
    known = known || c->get_name() == argv[1];
  }
  if (!known) {
    std::fprintf(stderr, "neve: there is no command '%s' (there are: %s)\n", argv[1], names.c_str());
    return 2;
  }
  neve::cli::watch_signals();
  const neve::InterruptScope interrupt([] {
    if (neve::cli::signal_seen()) neve::fail(neve::ErrorCode::cancelled, "interrupted");
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    app.exit(e);
    return 2;
  } catch (const neve::Error& e) {
    std::fprintf(stderr, "neve: %s\n", e.what());
    return neve::cli::signal_seen() ? 128 + neve::cli::signal_seen() : 1;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "neve: out of memory\n");
    return 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "neve: %s\n", e.what());
    return 1;
  }
  return status;
}
